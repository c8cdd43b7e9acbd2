/** What a database is busy with: statements, as `pg_stat_statements` counts them, and processor time of its processes. */
import { performance } from 'node:perf_hooks'
import { Client } from 'pg'
import { cpuMicros, endedChildrenMicros, processTree } from '../cpu.ts'
import { postmasterOf } from '../ground.ts'

export type Sample = {
  /** Milliseconds. */
  readonly at: number
  /** Since whenever; but for those that open and close transactions. */
  readonly statements: number
  readonly cpuMicros: number
  readonly walBytes: number
}
/** A second. */
export type Load = {
  readonly statements: number
  /** Cores that it kept busy. */
  readonly cores: number
  readonly walBytes: number
}

export type DatabaseLoad = Awaited<ReturnType<typeof openDatabaseLoad>>

/** @param url of a superuser */
export async function openDatabaseLoad(url: string) {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query('create extension if not exists pg_stat_statements')
  const server = await postmasterOf(url)

  return {
    async sample(): Promise<Sample> {
      const { rows: counts } = await client.query<{ statements: string; wal: string }>(
        `select sum(calls) as statements, (select wal_bytes from pg_stat_wal) as wal from pg_stat_statements
         where dbid = (select oid from pg_database where datname = current_database())`,
      )
      return {
        at: performance.now(),
        statements: Number(counts[0]?.statements),
        walBytes: Number(counts[0]?.wal),
        cpuMicros: cpuMicros(processTree(server)) + endedChildrenMicros(server),
      }
    },

    /** Of a row of the issuance log, as all of them lie on disk: the row itself, and its part of the index. */
    async bytesARow() {
      const { rows: sizes } = await client.query<{ rows: string; heap: string; index: string }>(
        `select sum(pg_relation_size(inhrelid)) as heap, sum(pg_indexes_size(inhrelid)) as index,
           (select count(*) from regent.issuance) as rows
         from pg_inherits where inhparent = 'regent.issuance'::regclass`,
      )
      const count = Number(sizes[0]?.rows)
      return { row: Number(sizes[0]?.heap) / count, index: Number(sizes[0]?.index) / count, rows: count }
    },

    async bytesStored(): Promise<number> {
      const { rows: sizes } = await client.query<{ bytes: string }>(
        'select pg_database_size(current_database()) as bytes',
      )
      return Number(sizes[0]?.bytes)
    },

    close: () => client.end(),
  }
}

export function loadBetween(before: Sample, after: Sample): Load {
  const seconds = (after.at - before.at) / 1000
  return {
    statements: (after.statements - before.statements) / seconds,
    cores: (after.cpuMicros - before.cpuMicros) / 1e6 / seconds,
    walBytes: (after.walBytes - before.walBytes) / seconds,
  }
}
