/** T68: the server ends connections, idle ones and checked-out ones alike. No process ends by it. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from '../fault.ts'
import type { Stage } from '../stage.ts'

const EACH_MS = 40

export const backendsTerminated: Fault = {
  name: 'backends-terminated',
  threat: 'T68',
  kind: 'backends terminated',
  expect: { failures: 'none', gap: 250 },
  break: async (stage) => void (await terminateBackends(stage)),
  async during(stage, { many }) {
    let terminations = 0
    for (
      const end = performance.now() + 300_000;
      terminations < many && performance.now() < end;
      await sleep(EACH_MS)
    )
      terminations += await terminateBackends(stage)
    return { must: { terminations, [`${many} terminations`]: Number(terminations >= many) } }
  },
  async mend() {},
}

/** @param which a condition on pg_stat_activity. @returns how many were ended */
export async function terminateBackends({ cluster }: Stage, which = 'true'): Promise<number> {
  const rows = await cluster.primary().ask(
    `select pg_terminate_backend(pid) from pg_stat_activity
       where backend_type = 'client backend' and usename = 'regent_test_login' and ${which}`,
  )
  return rows.length
}
