/**
 * The ways to the databases, in a process of their own (ways-process.ts): what the bench is busy with, checking tokens
 * above all, must not slow them down.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Slowness, TcpTarget } from '../../support/tcp-proxy.ts'
import type { Reaper } from './reaper.ts'

/** What can be asked of a way, and the value that comes with it. */
export type Wish = {
  readonly leadTo: TcpTarget
  readonly slow: Slowness
  readonly cut: undefined
  readonly freeze: undefined
  readonly halfOpen: undefined
  readonly reset: undefined
  readonly mend: undefined
  readonly connections: undefined
}
export type Question = { readonly number: number; readonly way: string; readonly value?: unknown } & {
  readonly wish: keyof Wish
}
export type Reply = { readonly number: number; readonly value?: number; readonly failure?: string }
export type Ports = { readonly ports: Readonly<Record<string, number>> }

/** As `TcpProxy` of test/support/tcp-proxy.ts, from a distance. */
export type Way = ReturnType<typeof wayOf>
type Ask = (wish: keyof Wish, value?: Wish[keyof Wish]) => Promise<number | undefined>

export async function openWays<Name extends string>(
  targets: Readonly<Record<Name, TcpTarget>>,
  reaper: Reaper,
): Promise<Readonly<Record<Name, Way>>> {
  const args = ['--import', 'tsx', 'test/faults/place/ways-process.ts', JSON.stringify(targets)]
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  if (child.pid !== undefined) reaper.process(child.pid)
  const open = new Map<
    number,
    { resolve: (value: number | undefined) => void; reject: (why: Error) => void }
  >()
  let last = 0
  const ended = once(child, 'exit').then(() => {
    if (child.pid !== undefined) reaper.ended(child.pid)
    for (const { reject } of open.values()) reject(new Error('the process of the ways has ended'))
    return undefined
  })
  const first = await Promise.race([once(child, 'message'), ended])
  if (first === undefined) throw new Error('the process of the ways did not start')
  const { ports } = first[0] as Ports

  child.on('message', ({ number, value, failure }: Reply) => {
    if (failure === undefined) open.get(number)?.resolve(value)
    else open.get(number)?.reject(new Error(failure))
    open.delete(number)
  })
  const asker =
    (way: string): Ask =>
    (wish, value) =>
      new Promise((resolve, reject) => {
        const question = { number: ++last, way, wish, value } satisfies Question
        open.set(question.number, { resolve, reject })
        child.send(question, (error) => error !== null && reject(error))
      })
  const ways = Object.entries(ports).map(([way, port]) => [way, wayOf(port, asker(way))] as const)
  return Object.fromEntries(ways) as Record<Name, Way>
}

function wayOf(port: number, ask: Ask) {
  const does = (wish: Exclude<keyof Wish, 'leadTo' | 'slow' | 'connections'>) => async () =>
    void (await ask(wish))
  return {
    port,
    leadTo: async (target: TcpTarget) => void (await ask('leadTo', target)),
    slow: async (slowness: Slowness) => void (await ask('slow', slowness)),
    cut: does('cut'),
    freeze: does('freeze'),
    halfOpen: does('halfOpen'),
    reset: does('reset'),
    mend: does('mend'),
    /** That there are now. */
    connections: async () => Number(await ask('connections')),
  }
}
