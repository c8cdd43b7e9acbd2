/** The program of ways.ts: a TCP proxy for each target of its argument; does what it is asked, until nobody can ask. */
import { openTcpProxy, type Slowness, type TcpProxy, type TcpTarget } from '../../support/tcp-proxy.ts'
import type { Question, Reply } from './ways.ts'

const targets = JSON.parse(process.argv[2] ?? '') as Readonly<Record<string, TcpTarget>>
const proxies = new Map<string, TcpProxy>()
for (const [way, target] of Object.entries(targets)) proxies.set(way, await openTcpProxy(target))

process.on('disconnect', () => process.exit())
process.on('message', (question: Question) => {
  const { number } = question
  answer(question).then(
    (value) => tell({ number, ...(value === undefined ? {} : { value }) }),
    (error: unknown) => tell({ number, failure: String(error) }),
  )
})
process.send?.({ ports: Object.fromEntries([...proxies].map(([way, { port }]) => [way, port])) })

async function answer({ way, wish, value }: Question): Promise<number | undefined> {
  const proxy = proxies.get(way)
  if (proxy === undefined) throw new Error(`there is no way ${way}`)
  if (wish === 'connections') return proxy.connections()
  if (wish === 'leadTo') proxy.leadTo(value as TcpTarget)
  else if (wish === 'slow') proxy.slow(value as Slowness)
  else await proxy[wish]()
  return undefined
}

function tell(reply: Reply): void {
  process.send?.(reply)
}
