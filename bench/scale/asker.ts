/** The process that asks for tokens (`ask.ts`), and what it is told. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import type { Errand, Told } from './ask.ts'
import type { Size } from './population.ts'

type Asked = Omit<Errand, 'size'>
export type Asker = Awaited<ReturnType<typeof startAsker>>

export async function startAsker({ tenants, clients }: Size) {
  const child = fork(resolve('bench/scale/ask.ts'), {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  await once(child, 'spawn')
  const ask = async (errand: Asked): Promise<Told> => {
    child.send({ ...errand, size: { tenants, clients } } satisfies Errand)
    const [told] = (await once(child, 'message')) as [Told]
    return told
  }

  return {
    /** Whatever becomes of each request. One errand at a time. */
    ask,

    /** @throws Error when a request got no token: then nothing was measured */
    async askAll(errand: Asked): Promise<Told> {
      const told = await ask(errand)
      const failed = Object.entries(told.failed)
      if (failed.length > 0 || told.answered === 0)
        throw new Error(`of ${told.answered} tokens not all were issued: ${JSON.stringify(told.failed)}`)
      return told
    },
    stop: () => void child.kill('SIGKILL'),
  }
}
