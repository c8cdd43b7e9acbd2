/** T66: others have taken all connections that the server has, and the nodes' own are gone. */
import { Client } from 'pg'
import { sqlState } from '../../../src/storage/transaction.ts'
import type { Fault } from '../fault.ts'
import type { Stage } from '../stage.ts'
import { terminateBackends } from './backends.ts'
import { meanwhile } from './ways.ts'

const TOO_MANY_CONNECTIONS = '53300'
/** More than any server here allows. */
const AT_MOST = 200
const sleepers = new Set<Client>()

export const connectionsExhausted: Fault = {
  name: 'connections-exhausted',
  threat: 'T66',
  kind: 'connections exhausted',
  expect: { failures: 'none', gap: 250 },
  async break(stage) {
    await takeAll(stage)
    await terminateBackends(stage, `query not like '%pg_sleep%'`)
  },
  async during(stage, { hold }) {
    let refused = 0
    await meanwhile(hold, 200, async () => {
      if (await takeAll(stage)) refused += 1
    })
    return { must: { 'connections refused': refused, sleepers: sleepers.size } }
  },
  async mend(stage) {
    // A backend that sleeps does not notice that its client is gone.
    await terminateBackends(stage, `query like '%pg_sleep%'`)
    await Promise.all([...sleepers].map((client) => client.end().catch(() => {})))
    sleepers.clear()
  },
}

/** @returns whether no more were to be had */
async function takeAll({ databases, cluster }: Stage): Promise<boolean> {
  const url = new URL(databases.get('none')?.url ?? '')
  url.port = String(cluster.primary().port)
  while (sleepers.size < AT_MOST) {
    const client = new Client({ connectionString: url.href, connectionTimeoutMillis: 5000 })
    client.on('error', () => {})
    try {
      await client.connect()
    } catch (error) {
      if (sqlState(error) === TOO_MANY_CONNECTIONS) return true
      throw error
    }
    sleepers.add(client)
    client.query('select pg_sleep(600)').catch(() => sleepers.delete(client))
  }
  return false
}
