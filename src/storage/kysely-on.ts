/** Kysely on one connection whose transactions somebody else begins and ends. */
import { Kysely, PostgresDialect, type PostgresPoolClient } from 'kysely'
import type { PoolClient } from 'pg'

export function kyselyOn<Tables>(client: PoolClient): Kysely<Tables> {
  const borrowed = { query: client.query.bind(client), release: () => {} } as PostgresPoolClient
  return new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: { connect: async () => borrowed, end: async () => {} } }),
  })
}
