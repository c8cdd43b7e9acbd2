/**
 * Opens the embedded database: PGlite, PostgreSQL inside this process, behind an ordinary pool of pg.
 *
 * For trying out: one process (the lock of the folder sees to that), one session, not durable through power
 * loss. Knows files and the session; tables, roles and what to say at start belong to others.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'
import type { createPgConfig } from '@electric-sql/pglite/node-postgres'
import { Client, Pool } from 'pg'
import { lockDataFolder } from './data-folder-lock.ts'
import { OperatorError } from './operator-error.ts'

/** The major version of PostgreSQL that the installed PGlite is made of: it opens folders of this one only. */
export const EMBEDDED_MAJOR = '18'

const CLOSE_WAITS_MS = 5_000

export type Embedded = { pool: Pool; version: string; close(): Promise<void> }
type Options = { onProgress?: (sentence: string) => void }

/** Opens the database under `<folder>/postgres`, and makes it when there is none. */
export async function openEmbedded(folder: string, { onProgress }: Options = {}): Promise<Embedded> {
  const lock = lockDataFolder(folder)
  try {
    const path = join(folder, 'postgres')
    if (existsSync(path)) requireReadable(path)
    else await createDatabase(folder, path, onProgress)

    const lite = await openLite(path)
    const { rows } = await lite.query<{ server_version: string }>('show server_version')
    const { createPgConfig } = await import('@electric-sql/pglite/node-postgres')
    const { pool, end } = openPool(lite, createPgConfig)

    const shut = async () => {
      await end()
      await lite.close()
      lock.release()
    }
    let closing: Promise<void> | undefined
    return { pool, version: rows[0]?.server_version ?? '', close: () => (closing ??= shut()) }
  } catch (error) {
    lock.release()
    throw error
  }
}

/**
 * Makes a database beside its place and moves it there when it is whole: PGlite would take a folder that was
 * left in the middle of its making for a database, and fail on it at every later start. It must be closed
 * meanwhile, for it opens its files by their path.
 */
async function createDatabase(folder: string, path: string, onProgress: Options['onProgress']) {
  onProgress?.(`Making the embedded database in ${path}; this takes some seconds, once.`)
  const attempts = readdirSync(folder).filter((name) => name.startsWith('postgres.new-'))
  for (const dead of attempts) rmSync(join(folder, dead), { recursive: true, force: true }) // we hold the lock

  const attempt = join(folder, `postgres.new-${process.pid}`)
  mkdirSync(attempt, { mode: 0o700 })
  const lite = await openLite(attempt)
  await lite.close()
  chmodSync(attempt, 0o700)
  renameSync(attempt, path)
}

/** PGlite makes a new database over whatever lies in a folder without PG_VERSION: it never gets to see one. */
function requireReadable(path: string) {
  const file = join(path, 'PG_VERSION')
  const major = existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
  if (!/^\d+$/.test(major)) {
    throw new OperatorError(
      `The folder ${path} is not a whole database (it lacks a readable PG_VERSION), and nothing in it was ` +
        'changed. Restore it from a backup, move it away, or choose another folder.',
    )
  }
  if (major !== EMBEDDED_MAJOR) {
    throw new OperatorError(
      `The folder ${path} was made by PostgreSQL ${major}, and this release opens those of ${EMBEDDED_MAJOR}. ` +
        'Run the release that made it, move the folder away, or choose another one.',
    )
  }
}

async function openLite(path: string) {
  const { PGlite } = await import('@electric-sql/pglite')
  const lite = new PGlite(path)
  try {
    await lite.waitReady
    return lite
  } catch (cause) {
    throw new OperatorError(
      `The embedded database in ${path} cannot be opened, it may be damaged; nothing in it was deleted. ` +
        'Restore it from a backup, move it away, or choose another folder.',
      { cause },
    )
  }
}

/**
 * A pool of one connection. With PGlite a connection is only a way of speaking to the one session, so what a
 * server does when a connection breaks happens here: its queries fail, its transaction is rolled back and its
 * settings are gone before the next connection has the session.
 */
function openPool(lite: PGlite, configOf: typeof createPgConfig) {
  const open = new Set<Client>()
  let sessionFree: Promise<unknown> = Promise.resolve()

  // pg makes its clients with `new`, and takes the connection to use from the argument of the constructor.
  class EmbeddedClient extends Client {
    constructor() {
      const config = configOf(lite)
      super(config)
      const { connection } = config
      const before = sessionFree
      sessionFree = new Promise((resolve) => connection.once('end', resolve))

      const connect = connection.connect.bind(connection)
      connection.connect = async (port, host) => {
        // oxlint-disable-next-line no-underscore-dangle -- pg asks it whether there is anything to end
        connection._connecting = true
        open.add(this)
        try {
          await before
          await lite.exec('ROLLBACK')
          await lite.exec('DISCARD ALL')
          await connect(port, host)
        } catch (error) {
          connection.emit('error', error)
          connection.end()
        }
      }

      // The original drops all listeners, and with them those by which the client fails its queries.
      const end = connection.end.bind(connection)
      connection.end = () => {
        const listeners = connection.rawListeners('end')
        end()
        connection.on('error', () => {})
        for (const listener of listeners) connection.on('end', () => void listener.call(connection))
        open.delete(this)
      }
    }
  }

  const pool = new Pool({ max: 1, idleTimeoutMillis: 0, Client: EmbeddedClient })
  const end = async () => {
    if (!pool.ending) void pool.end()
    const late = setTimeout(() => open.forEach((client) => void client.end()), CLOSE_WAITS_MS)
    await sessionFree
    clearTimeout(late)
  }
  return { pool, end }
}
