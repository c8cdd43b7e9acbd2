/** The PostgreSQL that scale is measured on: one of its own, which loses nothing with the power and counts its statements. */
import { startPostgres, type TestServer } from '../../test/support/postgres.ts'

export function startCountingPostgres(): Promise<TestServer> {
  return startPostgres({
    settings: {
      fsync: 'on',
      synchronous_commit: 'on',
      full_page_writes: 'on',
      max_wal_size: '4GB',
      shared_preload_libraries: 'pg_stat_statements',
      // What opens and closes a transaction is no statement here.
      'pg_stat_statements.track_utility': 'off',
    },
  })
}
