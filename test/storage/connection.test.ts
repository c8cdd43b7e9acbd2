/** On a PostgreSQL of its own that speaks TLS with a certificate that the test made. */
import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { connectionTo } from '../../src/storage/connection.ts'
import { openAdminSession } from '../../src/storage/open-admin.ts'
import { openPostgres } from '../../src/storage/open-postgres.ts'
import { runCommand } from '../support/command.ts'
import { certificateAuthority } from '../support/certificates.ts'
import { startPostgres, type TestServer } from '../support/postgres.ts'

const ours = certificateAuthority('ours')
const foreign = certificateAuthority('foreign')

describe('a connection to a database (T50)', () => {
  let server: TestServer
  let folder: string
  const at = (parameters: string, host = 'localhost') => {
    const url = new URL(server.url)
    url.hostname = host
    return `${url.href}?${parameters}`
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'regent-tls-'))
    server = await startPostgres()
    const [row] = await query(server.url, `select current_setting('data_directory') as folder`)
    const data = String(row?.folder)
    const { pem, key } = ours.sign('localhost')
    for (const [name, text] of [
      ['server.crt', pem],
      ['server.key', key],
    ] as const) {
      writeFileSync(join(data, name), text, { mode: 0o600 })
      const { uid, gid } = statSync(data)
      chownSync(join(data, name), uid, gid)
    }
    await query(server.url, 'alter system set ssl = on', 'select pg_reload_conf()')
    while ((await query(server.url, 'show ssl'))[0]?.ssl !== 'on') await sleep(20)
  })
  afterAll(async () => {
    await server.stop()
    rmSync(folder, { recursive: true })
  })

  async function query(url: string, ...statements: string[]) {
    const client = new Client(connectionTo(url, 'X', ours.pem))
    await client.connect()
    try {
      let rows: Record<string, unknown>[] = []
      for (const text of statements) rows = (await client.query<Record<string, unknown>>(text)).rows
      return rows
    } finally {
      await client.end()
    }
  }

  /** Whether the server says that the connection is encrypted. */
  async function encrypted(url: string, authorities?: string) {
    const pool = await openPostgres({
      url,
      variable: 'DATABASE_URL_EU',
      authorities,
      connections: 1,
      connectTimeout: 10_000,
    })
    try {
      const { rows } = await pool.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()')
      return (rows[0] as { ssl: boolean }).ssl
    } finally {
      await pool.end()
    }
  }

  it.each([
    ['verify-full', 'localhost'],
    ['require', 'localhost'],
    ['prefer', 'localhost'],
    // Whatever name the certificate has.
    ['verify-ca', '127.0.0.1'],
    ['no-verify', '127.0.0.1'],
  ])('sslmode=%s is encrypted, with the authorities that are given', async (mode, host) => {
    expect(await encrypted(at(`sslmode=${mode}`, host), ours.pem)).toBe(true)
  })

  it.each([
    ['verify-full', 'the authorities of Node', undefined, 'localhost'],
    ['verify-full', 'another authority', foreign.pem, 'localhost'],
    ['verify-full', 'another name', ours.pem, '127.0.0.1'],
    ['require', 'another authority', foreign.pem, 'localhost'],
    ['prefer', 'another name', ours.pem, '127.0.0.1'],
    ['verify-ca', 'another authority', foreign.pem, 'localhost'],
  ])('sslmode=%s refuses %s, by the name of the variable', async (mode, _what, authorities, host) => {
    await expect(encrypted(at(`sslmode=${mode}`, host), authorities)).rejects.toThrow(
      /^The database of DATABASE_URL_EU shows a certificate that is not trusted \(.*DATABASE_CA_FILE/,
    )
  })

  it.each(['sslmode=disable', ''])('is not encrypted with "%s"', async (parameters) => {
    expect(await encrypted(at(parameters), ours.pem)).toBe(false)
  })

  it('takes the authority of the URL before that of the configuration', async () => {
    const file = join(folder, 'ours.pem')
    writeFileSync(file, ours.pem)
    expect(await encrypted(at(`sslmode=verify-full&sslrootcert=${file}`), foreign.pem)).toBe(true)
    await expect(encrypted(at('sslmode=verify-full&sslrootcert=/nowhere/ca.pem'))).rejects.toThrow(
      'DATABASE_URL_EU: the file of sslrootcert cannot be read (ENOENT)',
    )
  })

  it('never follows PGHOST away from this machine', () => {
    expect(connectionTo('postgres:///regent', 'X').connectionString).toBe('postgres://localhost/regent')
    const socket = 'postgres:///regent?host=%2Frun%2Fpostgresql'
    expect(connectionTo(socket, 'X').connectionString).toBe(socket)
  })

  it('of migrations is checked in the same way', async () => {
    const session = await openAdminSession(at('sslmode=verify-full'), 'DATABASE_ADMIN_URL', ours.pem)
    await session.close()
    await expect(
      openAdminSession(at('sslmode=verify-full'), 'DATABASE_ADMIN_URL', foreign.pem),
    ).rejects.toThrow(/^The database of DATABASE_ADMIN_URL shows a certificate that is not trusted/)
  })

  it('of every command trusts DATABASE_CA_FILE: migrate and demo', async () => {
    const file = join(folder, 'authorities.pem')
    writeFileSync(file, `${foreign.pem}\n${ours.pem}`)
    const environment = {
      DATABASE_URL: at('sslmode=verify-full'),
      DATABASE_CA_FILE: file,
      REGENT_MASTER_KEYS: `2026:${Buffer.alloc(32, 3).toString('base64')}`,
      REGENT_BCRYPT_COST: '4',
    }
    for (const command of ['migrate roles', 'migrate up', 'demo --json']) {
      const { code, err } = await runCommand(command.split(' '), environment)
      expect([command, code, err]).toEqual([command, 0, err])
    }
    const { code, err } = await runCommand(['migrate', 'status'], { ...environment, DATABASE_CA_FILE: '' })
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/DATABASE_URL shows a certificate that is not trusted/),
    ])
  })
})
