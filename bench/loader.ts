/** The process that sends the load (`load.ts`), and what it is told. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pin } from './cpu.ts'
import type { Order, Outcome } from './load.ts'

export type Loader = Awaited<ReturnType<typeof startLoader>>

/** @param core that it is kept on, away from the servers' */
export async function startLoader(core: number | undefined) {
  const child = fork(join(import.meta.dirname, 'load.ts'), {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  await once(child, 'spawn')
  if (core !== undefined && child.pid !== undefined) pin(child.pid, core)

  return {
    /** @throws Error when an answer was no 200: then nothing was measured */
    async load(order: Order): Promise<Outcome> {
      child.send(order)
      const [outcome] = (await once(child, 'message')) as [Outcome]
      if (outcome.fault !== undefined) throw new Error(`port ${order.port}: ${outcome.fault.slice(0, 500)}`)
      return outcome
    },
    stop: () => void child.kill(),
  }
}
