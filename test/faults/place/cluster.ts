/**
 * A primary and a streaming replica. The npm binaries lack pg_basebackup: the replica is a copy of the folder taken
 * between pg_backup_start and pg_backup_stop, with an empty pg_wal, the backup's label and standby.signal
 * (PostgreSQL, "Making a Base Backup Using the Low Level API").
 */
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  writeFileSync,
  chownSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { findBinaries, freePort } from '../../support/postgres.ts'
import { initializeData, postgresServer, type PostgresServer } from './postgres-server.ts'
import type { Reaper } from './reaper.ts'

export type Cluster = Awaited<ReturnType<typeof openCluster>>

type Settings = { readonly folder: string; readonly logs: string; readonly reaper: Reaper }

const DEADLINE_MS = 60_000
/** Of a running server, not of its data. */
const LEFT_OUT = new Set(['postmaster.pid', 'postmaster.opts', 'pg_wal', 'standby.signal', 'backup_label'])

export async function openCluster({ folder, logs, reaper }: Settings) {
  let made = 0
  const newServer = async () => {
    made += 1
    const name = `server-${made}`
    const settings = {
      folder: join(folder, name),
      port: await freePort(),
      log: join(logs, `${name}.log`),
      reaper,
    }
    return postgresServer(settings)
  }
  let primary = await newServer()
  initializeData(primary.folder)
  await primary.start()
  let replica = await copyOf(primary, await newServer())

  return {
    primary: () => primary,
    replica: () => replica,

    /** A commit waits until the replica has written it; not, where it is off. */
    async setSynchronous(on: boolean) {
      await primary.set('synchronous_standby_names', on ? 'replica' : '')
      await until('the replica is as synchronous as it should be', async () => {
        const rows = await primary.ask<{ sync_state: string }>('select sync_state from pg_stat_replication')
        return rows[0]?.sync_state === (on ? 'sync' : 'async')
      })
    },

    pauseReplay: () => replica.ask('select pg_wal_replay_pause()'),
    resumeReplay: () => replica.ask('select pg_wal_replay_resume()'),

    /** The primary is killed, the replica takes over; until `makeReplica` there is no other. */
    async failOver() {
      await primary.kill()
      const dead = primary
      primary = replica
      await primary.ask('select pg_promote(true, 60)')
      await primary.set('synchronous_standby_names', '')
      rmSync(dead.folder, { recursive: true, force: true })
    },

    /** A new one, of the primary of now. */
    async makeReplica() {
      if (replica !== primary) {
        await replica.stop()
        rmSync(replica.folder, { recursive: true, force: true })
      }
      replica = await copyOf(primary, await newServer())
    },
  }
}

async function copyOf(primary: PostgresServer, replica: PostgresServer): Promise<PostgresServer> {
  const { user } = findBinaries()
  const session = new Client({ connectionString: primary.url })
  session.on('error', () => {})
  await session.connect()
  try {
    await session.query(`select pg_backup_start('replica', true)`)
    copyFolder(primary.folder, replica.folder)
    const { rows } = await session.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)')
    writeFileSync(join(replica.folder, 'backup_label'), rows[0]?.labelfile ?? '')
  } finally {
    await session.end()
  }
  mkdirSync(join(replica.folder, 'pg_wal'), { mode: 0o700 })
  writeFileSync(join(replica.folder, 'standby.signal'), '')
  const from = `host=127.0.0.1 port=${primary.port} user=postgres application_name=replica`
  writeFileSync(join(replica.folder, 'postgresql.auto.conf'), `primary_conninfo = '${from}'\n`)
  if (user) own(replica.folder, user)
  await replica.start()
  await until('the replica follows', async () => {
    const rows = await primary.ask(
      `select from pg_stat_replication where application_name = 'replica' and state = 'streaming'`,
    )
    return rows.length === 1
  })
  return replica
}

/** Files come and go while the server runs: what is gone at the copy is in the WAL. */
function copyFolder(from: string, to: string): void {
  mkdirSync(to)
  for (const name of readdirSync(from)) {
    if (LEFT_OUT.has(name)) continue
    if (lstatSync(join(from, name)).isDirectory()) copyFolder(join(from, name), join(to, name))
    else {
      try {
        cpSync(join(from, name), join(to, name))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
  }
  chmodSync(to, 0o700)
}

function own(path: string, user: { uid: number; gid: number }): void {
  chownSync(path, user.uid, user.gid)
  if (!lstatSync(path).isDirectory()) return
  for (const name of readdirSync(path)) own(join(path, name), user)
}

export async function until(
  what: string,
  isSo: () => Promise<boolean>,
  deadline = DEADLINE_MS,
): Promise<void> {
  for (const end = Date.now() + deadline; Date.now() < end; await sleep(50)) {
    if (await isSo().catch(() => false)) return
  }
  throw new Error(`waited ${deadline / 1000} s, and still not: ${what}`)
}
