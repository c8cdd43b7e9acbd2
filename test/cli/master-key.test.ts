/**
 * Rotation of the master key as an operator does it, with real processes: two nodes that a balancer stands before, tokens asked
 * for all the while, commands beside them. Nothing fails, nothing is sealed that a node cannot open, and whoever is killed
 * leaves nothing half done.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import request from 'supertest'
import { masterKeyStatus, type MasterKeyStatus } from '../../src/changes/master-key-status.ts'
import { verifyAudit } from '../../src/changes/verify-audit.ts'
import type { Kid, TenantId, WorkspaceId } from '../../src/ids.ts'
import { keyring } from '../../src/keys/keyring.ts'
import { parseMasterKeys } from '../../src/sealing/master-keys.ts'
import { sealing } from '../../src/sealing/seal.ts'
import { openPostgres } from '../../src/storage/open-postgres.ts'
import { database } from '../../src/storage/transaction.ts'
import { findTenant } from '../../src/tenancy/find-tenant.ts'
import type { Region } from '../../src/tenancy/region.ts'
import type { TenantSlug } from '../../src/tenancy/slug.ts'
import { runCommand, startCommand } from '../support/command.ts'
import { noteSecret, noteTokens } from '../support/noted-secrets.ts'
import { createDatabase, freePort } from '../support/postgres.ts'
import { LIMITS } from '../support/world.ts'

const OLD = `2025:${Buffer.alloc(32, 5).toString('base64')}`
const NEW = `2026:${Buffer.alloc(32, 6).toString('base64')}`
/** How the keys of the nodes change, one deploy after the other. */
const DEPLOYS =
  process.env.REGENT_TEST_WHOLE === '1'
    ? [`${OLD},${NEW}`, `${NEW},${OLD}`]
    : // A new key may be put in front at once: nobody seals with it before all know it.
      [`${NEW},${OLD}`]
/** Keys of a tenant that nobody asks: what a resealer has to do for a while. */
const PLANTED = 4000
const PLANTED_TENANT = '00000000-0000-4000-8000-000000000009'

function ringOf(text: string) {
  const keys = parseMasterKeys(text)
  if (typeof keys === 'string') throw new Error(keys)
  return keyring(sealing(keys))
}

type Node = ReturnType<typeof startCommand>
type DemoClient = { issuer: string; clientId: string; secret: string }

describe('the rotation of a master key', () => {
  let home: Awaited<ReturnType<typeof createDatabase>>
  let superuser: Client
  let pool: Awaited<ReturnType<typeof openPostgres>>
  let clients: readonly DemoClient[]
  let operator: DemoClient
  const ports: [number, number][] = []
  const nodes: (Node | undefined)[] = [undefined, undefined]

  const environment = (masterKeys: string, more: Record<string, string> = {}) => ({
    DATABASE_URL: home.url,
    DATABASE_ADMIN_URL: home.adminUrl,
    DATABASE_URL_EU: 'default',
    REGENT_ORIGIN: 'http://localhost:8080',
    REGENT_MASTER_KEYS: masterKeys,
    REGENT_BCRYPT_COST: '4',
    REGENT_DRAIN: '0',
    REGENT_DB_TIMEOUT: '10000',
    ...more,
  })
  const command = async (masterKeys: string, ...args: string[]) => {
    const { code, out, err } = await runCommand(args, environment(masterKeys))
    return { code, out, err }
  }
  const status = async (): Promise<readonly MasterKeyStatus[]> => {
    // Without any master key: it is asked when they are wrong, too.
    const { code, out, err } = await command('', 'master-key', 'status', '--json')
    expect([code, err]).toEqual([0, ''])
    return JSON.parse(out) as MasterKeyStatus[]
  }
  const need = async (id: string, region: Region = 'eu') => {
    const { keys } = await masterKeyStatus(database(pool, LIMITS), region)
    return keys.find((key) => key.id === id)
  }
  const count = async (where: string): Promise<number> => {
    const { rows } = await superuser.query<{ count: number }>(
      `select count(*)::int as count from regent.signing_key where ${where}`,
    )
    return rows[0]?.count ?? 0
  }

  // The balancer: a node is taken out before it stops, and taken in when it listens.
  const open = new Set<number>()
  const underWay = new Map<number, number>()
  const failures: string[] = []
  let turn = 0
  const load = { on: true, issued: 0 }
  const ask = async ({ issuer, clientId, secret }: DemoClient, index: number): Promise<void> => {
    const [port = 0] = ports[index] ?? []
    const { host, pathname } = new URL(issuer)
    underWay.set(index, (underWay.get(index) ?? 0) + 1)
    try {
      const { status: answered, text } = await request(`http://127.0.0.1:${port}`)
        .post(`${pathname}/oauth2/token`)
        .set('Host', host)
        .type('form')
        .send({ grant_type: 'client_credentials', client_id: clientId, client_secret: secret })
      noteTokens(text)
      if (answered === 200) load.issued += 1
      else failures.push(`${answered} ${text}`)
    } catch (error) {
      failures.push(String(error))
    } finally {
      underWay.set(index, (underWay.get(index) ?? 0) - 1)
    }
  }
  const keepAsking = async () => {
    while (load.on) {
      const choice = [...open]
      turn += 1
      const index = choice[turn % choice.length]
      const client = clients[(turn >> 1) % clients.length]
      if (index !== undefined && client !== undefined) await ask(client, index)
      await sleep(5)
    }
  }
  const stop = async (index: number) => {
    open.delete(index)
    while ((underWay.get(index) ?? 0) > 0) await sleep(5)
    nodes[index]?.kill('SIGTERM')
    await nodes[index]?.ended
  }
  const start = async (index: number, masterKeys: string) => {
    const [port, opsPort] = ports[index] ?? []
    const node = startCommand(
      ['serve'],
      environment(masterKeys, { PORT: String(port), REGENT_OPS_PORT: String(opsPort) }),
    )
    nodes[index] = node
    await node.says('server_started')
    open.add(index)
  }
  const deploy = async (masterKeys: string, between: () => Promise<void> = async () => {}) => {
    await stop(0)
    await start(0, masterKeys)
    await between()
    await stop(1)
    await start(1, masterKeys)
  }

  beforeAll(async () => {
    home = await createDatabase()
    superuser = new Client({ connectionString: home.superuserUrl })
    await superuser.connect()
    pool = await openPostgres({
      url: home.url,
      variable: 'DATABASE_URL',
      connections: 1,
      connectTimeout: 10_000,
    })
    for (let index = 0; index < 2; index += 1) ports.push([await freePort(), await freePort()])
    for (const what of ['roles', 'up']) expect((await command(OLD, 'migrate', what)).code).toBe(0)
    const demo = await command(OLD, 'demo', '--json')
    clients = JSON.parse(demo.out) as DemoClient[]
    for (const { secret } of clients) noteSecret('client secret', secret)
    expect(clients).toHaveLength(2)
  }, 120_000)
  afterAll(async () => {
    load.on = false
    for (const node of nodes) node?.kill('SIGTERM')
    for (const node of nodes) await node?.ended
    await superuser.end()
    await pool.end()
    await home.drop()
  }, 60_000)

  it('fails no token, and leaves nothing under the old key', async () => {
    await start(0, OLD)
    await start(1, OLD)
    const loads = [keepAsking(), keepAsking()]

    for (const [step, keys] of DEPLOYS.entries()) {
      await deploy(keys, async () => {
        if (step > 0) return
        // One node does not know the new key: neither a command nor the other node seals with it.
        const made = await command(`${NEW},${OLD}`, 'bootstrap', '--region', 'eu', '--json')
        expect(made.code).toBe(0)
        operator = (JSON.parse(made.out) as DemoClient[])[0] as DemoClient
        noteSecret('client secret', operator.secret)
        expect(await count(`master_key_id = '2026'`)).toBe(0)
        const refused = await command(`${NEW},${OLD}`, 'master-key', 'reseal')
        expect([refused.code, refused.err]).toEqual([
          1,
          expect.stringMatching(/nothing was sealed anew with 2026/),
        ])
        expect(await need('2026')).toMatchObject({
          knownTo: [expect.anything()],
          unknownTo: [expect.anything()],
        })
      })
    }
    expect(
      (await status()).map(({ region, sealsWith, nodes: all }) => [region, sealsWith, all.length]),
    ).toEqual([
      ['none', '2026', 2],
      ['eu', '2026', 2],
    ])
    expect(await need('2025')).toMatchObject({
      knownTo: [expect.anything(), expect.anything()],
      unknownTo: [],
    })

    // One is killed in the middle; then two at once do the rest.
    await plant()
    const killed = startCommand(['master-key', 'reseal'], environment(`${NEW},${OLD}`))
    while ((await count(`master_key_id = '2026' and tenant_id = '${PLANTED_TENANT}'`)) === 0) await sleep(5)
    killed.kill('SIGKILL')
    await killed.ended
    const left = await count(`master_key_id = '2025'`)
    expect(await count(`master_key_id = '2025' and tenant_id = '${PLANTED_TENANT}'`)).toBeGreaterThan(0)
    const both = await Promise.all(
      [1, 2].map(() => command(`${NEW},${OLD}`, 'master-key', 'reseal', '--region', 'eu', '--json')),
    )
    expect(both.map(({ code }) => code)).toEqual([0, 0])
    const rest = await command(`${NEW},${OLD}`, 'master-key', 'reseal', '--json')
    const moved = [...both, rest].flatMap(
      ({ out }) => JSON.parse(out) as { signingKeys: number; failed: number }[],
    )
    const total = moved.reduce((sum, { signingKeys }) => sum + signingKeys, 0)
    // The nodes do the same each minute, and may have taken their part.
    expect([total > 0, total <= left]).toEqual([true, true])
    expect(moved.every(({ failed }) => failed === 0)).toBe(true)
    expect(await count(`master_key_id = '2025'`)).toBe(0)
    // What was in use has its digest under the new key: not so the administrators of the tenants, and the operator.
    while ((await need('2025', 'none'))?.digests !== 1) await sleep(50)
    expect(await need('2025')).toMatchObject({
      auditKeys: 0,
      answers: 0,
      digests: 2,
      mayBeTakenAway: 'slowly',
    })
    const told = await command('', 'master-key', 'status', '--region', 'eu')
    expect(told.out).toMatch(/eu: 2 live nodes[^]*2025[^]*may be taken away: yes; 2 secrets that nobody/)

    await deploy(NEW)
    const enough = load.issued + 20
    while (load.issued < enough) await sleep(20)
    load.on = false
    await Promise.all(loads)
    expect(failures).toEqual([])
    expect(load.issued).toBeGreaterThan(50)

    // A secret that nobody had used is checked by bcrypt once, and has a digest then.
    await ask(operator, 0)
    expect(failures).toEqual([])
    while ((await need('2025'))?.digests !== 1) await sleep(50)
    const [port, opsPort] = [String(await freePort()), String(await freePort())]
    const refused = await runCommand(['serve'], environment(OLD, { PORT: port, REGENT_OPS_PORT: opsPort }))
    expect(refused.code).toBe(1)
    for (const region of ['none', 'eu'])
      expect(refused.err).toMatch(new RegExp(`- ${region}: REGENT_MASTER_KEYS does not open .* '2026'`))
    const acme = await findTenant(database(pool, LIMITS), 'eu', 'acme' as TenantSlug)
    if (acme === undefined) throw new Error('there is a demo')
    const { events, faults } = await verifyAudit(database(pool, LIMITS), ringOf(NEW), acme, undefined)
    expect([events > 5, faults]).toEqual([true, []])
  }, 240_000)

  /** Retired keys of a tenant of their own, sealed as Regent seals them. */
  async function plant(): Promise<void> {
    const ring = ringOf(OLD)
    const id = PLANTED_TENANT
    const owner = { region: 'eu' as const, tenantId: id as TenantId, workspaceId: id as WorkspaceId }
    const kids = Array.from({ length: PLANTED }, (_, number) => String(number).padStart(43, '0') as Kid)
    const sealed = kids.map(
      (kid) => ring.seal(Buffer.from(`key ${kid}`), owner, kid, ring.masterKeyIds[0]).bytes,
    )
    await superuser.query(
      `insert into regent.tenant (tenant_id, region, slug) values ('${id}', 'eu', 'planted');
       insert into regent.workspace (tenant_id, workspace_id, slug, issuer, access_token_lifetime, jwks_max_age, signing_lead,
         chosen_secrets, audience_parameter) values ('${id}', '${id}', 'x', 'https://x.example/x/x', 600, 900, 86400, false, false)`,
    )
    await superuser.query(
      `insert into regent.signing_key (tenant_id, workspace_id, kid, algorithm, state, public_jwk, sealed_private_key, master_key_id,
         may_sign_at, max_token_lifetime, max_jwks_age, max_stale, published_at, activated_at, retired_at)
       select '${id}', '${id}', kid, 'ES256', 'retired', '{}', bytes, '2025', now(), 600, 900, 3600, now(), now(), now()
       from unnest($1::text[], $2::bytea[]) as planted (kid, bytes)`,
      [kids, sealed],
    )
  }
})
