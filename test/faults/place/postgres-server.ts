/**
 * One PostgreSQL server on a data folder that outlives it: started, killed, stopped in its tracks and started again. Its
 * durability is that of a killed process, not of a machine without power: fsync is off, commits wait for their WAL.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, type QueryResultRow } from 'pg'
import { findBinaries } from '../../support/postgres.ts'
import { signalTree } from './process-tree.ts'
import type { Reaper } from './reaper.ts'

export type PostgresServer = ReturnType<typeof postgresServer>

type Settings = {
  readonly folder: string
  readonly port: number
  readonly log: string
  readonly reaper: Reaper
}

const START_DEADLINE_MS = 60_000
const SETTINGS = [
  'fsync=off',
  'synchronous_commit=on',
  'max_connections=100',
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'wal_level=replica',
  'wal_keep_size=64MB',
  'max_wal_size=128MB',
  'min_wal_size=32MB',
  'hot_standby=on',
  'wal_receiver_timeout=5s',
  'wal_sender_timeout=0',
  'autovacuum_naptime=10s',
].flatMap((setting) => ['-c', setting])

const distribution = process.env.TEST_POSTGRES
const binaries = () => findBinaries(distribution ? { distribution } : {})
const ENVIRONMENT = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' }

/** Makes an empty data folder; segments of WAL are small, so that copies and full disks come soon. */
export function initializeData(folder: string): void {
  const { native, user } = binaries()
  mkdirSync(folder, { mode: 0o700 })
  if (user) chownSync(folder, user.uid, user.gid)
  const args = ['-D', folder, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
  execFileSync(join(native, 'bin/initdb'), [...args, '--wal-segsize=4'], {
    ...user,
    cwd: folder,
    env: ENVIRONMENT,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}

/** Not started yet. */
export function postgresServer({ folder, port, log, reaper }: Settings) {
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  let child: ChildProcess | undefined
  const isRunning = () => child !== undefined && child.exitCode === null && child.signalCode === null
  const tree = (signal: NodeJS.Signals) => (child?.pid === undefined ? 0 : signalTree(child.pid, signal))

  const gone = async () => {
    if (child !== undefined && isRunning()) await once(child, 'exit')
  }

  /** A connection of the superuser's, for one piece of work. */
  const ask = async <Row extends QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
    database = 'postgres',
  ) => {
    const there = url.replace(/postgres$/, database)
    const client = new Client({
      connectionString: there,
      connectionTimeoutMillis: 5000,
      query_timeout: 15_000,
    })
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query<Row>(text, [...values])).rows
    } finally {
      await client.end().catch(() => {})
    }
  }

  return {
    folder,
    port,
    url,
    isRunning,
    ask,

    async start() {
      const { native, user } = binaries()
      const out = openSync(log, 'a')
      const started = spawn(join(native, 'bin/postgres'), ['-D', folder, '-p', String(port), ...SETTINGS], {
        ...user,
        cwd: folder,
        detached: true,
        env: ENVIRONMENT,
        stdio: ['ignore', out, out],
      })
      child = started
      if (started.pid !== undefined) reaper.process(started.pid)
      started.on('exit', () => started.pid !== undefined && reaper.ended(started.pid))
      for (const deadline = Date.now() + START_DEADLINE_MS; ; await sleep(50)) {
        const answer = await ask<{ data_directory: string }>('show data_directory').catch(() => [])
        if (answer[0]?.data_directory === folder) return
        if (!isRunning()) throw new Error(`PostgreSQL did not start: see ${log}`)
        if (Date.now() > deadline) throw new Error(`PostgreSQL is not ready after a minute: see ${log}`)
      }
    },

    /** As when the machine's owner kills it: backends see that their parent is gone, and go. */
    async kill() {
      tree('SIGKILL')
      await gone()
    },

    /** Immediate shutdown: like a crash, but orderly about its children. */
    async stop() {
      tree('SIGCONT')
      if (isRunning()) child?.kill('SIGQUIT')
      await gone()
    },

    /** It and all its backends stop where they are: connections are taken in by the kernel, and nobody answers. */
    freeze: () => tree('SIGSTOP'),
    thaw: () => tree('SIGCONT'),

    async set(name: string, value: string) {
      await ask(`alter system set ${name} = '${value}'`)
      await ask('select pg_reload_conf()')
    },
  }
}
