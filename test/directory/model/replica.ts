/**
 * A replica that is behind, for as long as it is not told to catch up: a transaction that sees what was there when it began.
 * Its questions are asked one after the other.
 */
import { Client, type PoolClient } from 'pg'
import { kyselyOn } from '../../../src/storage/kysely-on.ts'
import type { Schema } from '../../../src/storage/schema.ts'
import type { Database } from '../../../src/storage/transaction.ts'

export async function openReplica(url: string) {
  const client = new Client({ connectionString: url })
  await client.connect()
  const db = kyselyOn<Schema>(client as unknown as PoolClient, { prepare: true }).withSchema('regent')
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.catch(() => {}).then(work)
    last = turn
    return turn
  }
  const begin = () =>
    client.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM regent.change_counter')
  await begin()

  const inSnapshot = <T>(tenantId: string | undefined, work: (connection: never) => Promise<T>) =>
    inTurn(async () => {
      await client.query(
        `SAVEPOINT asked; SET LOCAL ROLE regent_runtime; SET LOCAL regent.tenant = '${tenantId ?? ''}'`,
      )
      try {
        return await work({ tenantId, db } as never)
      } finally {
        await client.query('ROLLBACK TO asked; RELEASE asked')
      }
    })
  const refuse = () => Promise.reject(new Error('a replica is not asked for this'))
  const database: Database = {
    inTenant: inSnapshot,
    beforeTenant: refuse,
    beforeThenInTenant: async (find, then) => {
      const tenantId = await inSnapshot(undefined, find)
      return tenantId === undefined ? undefined : inSnapshot(tenantId, then)
    },
    asOperator: refuse,
    asOperatorAroundTenant: refuse,
  }
  return {
    database,
    catchUp: () =>
      inTurn(async () => {
        await client.query('ROLLBACK')
        await begin()
      }),
    close: () => inTurn(() => client.end()),
  }
}
