/**
 * A PgBouncer of a test's own, as operators put it in front: transaction mode, two sessions of the server for everybody.
 * Debian's package, or the program that TEST_PGBOUNCER names.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { freePort, PASSWORD, unprivilegedUser } from './postgres.ts'

const PROGRAM = process.env.TEST_PGBOUNCER ?? 'pgbouncer'
/** Since it learned of them, it keeps prepared statements for whomever it hands another session. */
const FIRST_WITH_PREPARED = [1, 21]
const ADMIN = 'pooler_admin'
const DEADLINE_MS = 30_000

const [, major, minor] = /(\d+)\.(\d+)/.exec(spawnSync(PROGRAM, ['--version']).stdout?.toString() ?? '') ?? []
const version = major === undefined ? undefined : [Number(major), Number(minor)]
const knowsPrepared =
  version !== undefined &&
  (version[0] !== FIRST_WITH_PREPARED[0] || (version[1] ?? 0) >= (FIRST_WITH_PREPARED[1] ?? 0))

/** `describe`, or a suite that is skipped and says why. */
export const describeBehindPgBouncer = (title: string, suite: () => void) =>
  version === undefined
    ? describe.skip(`${title} [skipped: no pgbouncer is installed]`, suite)
    : describe(title, suite)

/** The same, for what an older one cannot do. */
export const describeBehindPreparingPgBouncer = (title: string, suite: () => void) =>
  knowsPrepared
    ? describe(title, suite)
    : describe.skip(
        `${title} [skipped: ${version ? `PgBouncer is ${version.join('.')}` : 'there is no PgBouncer'}, and ${FIRST_WITH_PREPARED.join('.')} is needed]`,
        suite,
      )

export type PgBouncer = Awaited<ReturnType<typeof startPgBouncer>>

/** Ends the program when this process is gone, in whatever way: then the pipe to its standard input ends. */
const WATCHDOG = '"$@" & program=$!; cat >/dev/null; kill -KILL $program; wait $program'

/**
 * @param server URL of a database on the server that it leads to; every database there can be had through it
 * @param settings of its section [pgbouncer], over ours
 */
export async function startPgBouncer(
  server: string,
  settings: Readonly<Record<string, string | number>> = {},
) {
  const { hostname, port: serverPort, username, password } = new URL(server)
  const folder = mkdtempSync(join(tmpdir(), 'regent-pgbouncer-'))
  // It refuses to run as root, and reads its files as whoever it runs as.
  chmodSync(folder, 0o755)
  const user = unprivilegedUser()
  const port = await freePort()
  const logins = { regent_test_login: PASSWORD, regent_test_migrator: PASSWORD, [ADMIN]: PASSWORD }
  const all = {
    ...logins,
    [decodeURIComponent(username)]: decodeURIComponent(password) || PASSWORD,
    ...logins,
  }
  writeFileSync(
    join(folder, 'users'),
    Object.entries(all)
      .map(([name, secret]) => `"${name}" "${secret}"\n`)
      .join(''),
  )
  const own = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: join(folder, 'users'),
    admin_users: ADMIN,
    pool_mode: 'transaction',
    default_pool_size: 2,
    // As if it did not know them; older ones do not even know the setting.
    ...(knowsPrepared && { max_prepared_statements: 0 }),
    ...settings,
  }
  const lines = Object.entries(own).map(([name, value]) => `${name} = ${value}\n`)
  writeFileSync(
    join(folder, 'pgbouncer.ini'),
    `[databases]\n* = host=${hostname} port=${serverPort}\n[pgbouncer]\n${lines.join('')}`,
  )
  const child = spawn('sh', ['-c', WATCHDOG, 'sh', PROGRAM, join(folder, 'pgbouncer.ini')], {
    ...user,
    stdio: 'pipe',
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  }
  const closed = once(child, 'close')
  const through = (url: string) => Object.assign(new URL(url), { hostname: '127.0.0.1', port }).href

  const ask = async (command: string) => {
    const client = new Client({
      host: '127.0.0.1',
      port,
      user: ADMIN,
      password: PASSWORD,
      database: 'pgbouncer',
    })
    await client.connect()
    // Only the simple protocol, and nothing that pg would prepare.
    const { rows } = await client.query<Record<string, string>>(command).finally(() => client.end())
    return rows
  }

  const stop = async () => {
    child.stdin.end()
    await closed
    rmSync(folder, { recursive: true })
  }
  const answers = () =>
    ask('SHOW VERSION').then(
      () => true,
      () => false,
    )
  const deadline = Date.now() + DEADLINE_MS
  while (!(await answers())) {
    if (Date.now() > deadline || child.exitCode !== null) {
      await stop()
      throw new Error(`pgbouncer does not answer:\n${said}`)
    }
    await sleep(50)
  }

  return {
    port,
    /** The same database and login, by way of it. */
    through,
    /** A command of its console, as `SHOW SERVERS`. */
    ask,
    said: () => said,
    stop,
  }
}
