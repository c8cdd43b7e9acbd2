/**
 * A process that makes changes and is there to be killed: it says each change when it was acknowledged. As `hold` it makes
 * one change and stops itself, with the region's feed counter taken, before the commit. Argument: a `Task` as JSON.
 */
import { writeSync } from 'node:fs'
import type { Database } from '../../../src/storage/transaction.ts'
import { change } from '../../../src/changes/change.ts'
import { createClient } from '../../../src/changes/client-changes.ts'
import { openChanges } from './changes.ts'
import type { Party } from './population.ts'

export type Task = { readonly url: string; readonly party: Party; readonly as: 'loop' | 'hold' }

const say = (line: string) => writeSync(1, `${line}\n`)
const { url, party, as }: Task = JSON.parse(process.argv[2] ?? '')
const { needs } = await openChanges(url, party.region, 1)
const { workspace } = party

if (as === 'hold') {
  const database: Database = {
    ...needs.database,
    inTenant: (tenantId, work) =>
      needs.database.inTenant(tenantId, async (connection) => {
        const result = await work(connection)
        say(`holding ${Object(result).feedNumber}`)
        process.kill(process.pid, 'SIGSTOP')
        return result
      }),
  }
  const event = { action: 'client_enabled', workspaceId: workspace.id, subject: 'nobody' } as const
  await change({ ...needs, database }, workspace.tenant.id, async () => ({ value: {}, event }))
}
for (let count = 0; ; count++) {
  const id = `writer-${process.pid}-${Date.now()}-${count}`
  const { feedNumber } = await createClient(needs, workspace, { id, name: id })
  say(`${id} ${feedNumber}`)
}
