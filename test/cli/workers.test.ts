/** A node of several processes: what one of them learns all know, nothing counts twice, and none is missed when it dies. */
import { execFileSync } from 'node:child_process'
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient, setClientState } from '../../src/changes/client-changes.ts'
import type { ChangeNeeds } from '../../src/changes/change.ts'
import { createResourceServer } from '../../src/changes/create-resource-server.ts'
import { createTenant } from '../../src/changes/create-tenant.ts'
import { createWorkspace } from '../../src/changes/create-workspace.ts'
import { createSecret } from '../../src/changes/credential-changes.ts'
import { setIssuanceLimit } from '../../src/changes/limit-changes.ts'
import { grantScopes } from '../../src/changes/scope-changes.ts'
import type { ClientId, NodeId } from '../../src/ids.ts'
import { keyring } from '../../src/keys/keyring.ts'
import { awaitConfirmation } from '../../src/records/confirmation.ts'
import { nodeStore } from '../../src/records/node-store.ts'
import { deriveKeys } from '../../src/sealing/derive.ts'
import { parseMasterKeys } from '../../src/sealing/master-keys.ts'
import { sealing } from '../../src/sealing/seal.ts'
import { openPostgres } from '../../src/storage/open-postgres.ts'
import { database, type TenantConnection } from '../../src/storage/transaction.ts'
import { parseOrigin } from '../../src/tenancy/origin.ts'
import type { Workspace } from '../../src/tenancy/tenant.ts'
import { look } from '../pages/look.ts'
import { runCommand, startCommand } from '../support/command.ts'
import { noteSecret } from '../support/noted-secrets.ts'
import { createDatabase, freePort } from '../support/postgres.ts'
import { LIMITS, MASTER_KEYS } from '../support/world.ts'

const ORIGIN = 'https://token.example'
const WORKERS = 2
/** The chore of the primary seals anew with the first. */
const BOTH_KEYS = `later:${Buffer.alloc(32, 8).toString('base64')},${MASTER_KEYS}`

describe('regent serve with REGENT_WORKERS=2', () => {
  let home: Awaited<ReturnType<typeof createDatabase>>
  let pool: Awaited<ReturnType<typeof openPostgres>>
  let needs: ChangeNeeds
  let workspace: Workspace
  let environment: Record<string, string>
  let regent: ReturnType<typeof startCommand>
  let port: number
  let opsPort: number

  beforeAll(async () => {
    home = await createDatabase()
    port = await freePort()
    opsPort = await freePort()
    environment = {
      PORT: String(port),
      REGENT_OPS_PORT: String(opsPort),
      REGENT_ORIGIN: ORIGIN,
      REGENT_WORKERS: String(WORKERS),
      DATABASE_URL: home.url,
      DATABASE_ADMIN_URL: home.adminUrl,
      REGENT_MASTER_KEYS: BOTH_KEYS,
      REGENT_BCRYPT_COST: '4',
      REGENT_DB_TIMEOUT: '10000',
      REGENT_DRAIN: '0',
      LOG_LEVEL: 'debug',
    }
    for (const command of ['roles', 'up'])
      expect((await runCommand(['migrate', command], environment)).code).toBe(0)
    pool = await openPostgres({
      url: home.url,
      variable: 'DATABASE_URL',
      connections: 2,
      connectTimeout: 10_000,
    })
    const origin = parseOrigin(ORIGIN)
    const masterKeys = parseMasterKeys(BOTH_KEYS)
    if (origin === undefined || typeof masterKeys === 'string') throw new Error('nothing can be made')
    needs = {
      region: 'none',
      database: database(pool, LIMITS),
      origin,
      keyring: keyring(sealing(masterKeys)),
      bcryptCost: 4,
      digestKeys: deriveKeys(masterKeys, 'credential digest'),
      maxStale: 3600,
      actor: 'test',
    }
    const { tenant } = await createTenant(needs, { slug: 'acme' })
    ;({ workspace } = await createWorkspace(needs, tenant, {
      slug: 'shop',
      settings: { chosenSecrets: true, chosenDigests: false },
    }))
    await createResourceServer(needs, workspace, {
      identifier: 'https://api.example',
      name: 'API',
      scopes: { read: 'read' },
    })
    regent = startCommand(['serve'], environment)
    await regent.says('server_started')
  }, 240_000)
  afterAll(async () => {
    regent.kill('SIGKILL')
    await pool.end()
    await home.drop()
  })

  async function client(id: string, chosen?: string) {
    await createClient(needs, workspace, { id, name: id })
    await grantScopes(needs, workspace, id as ClientId, ['read'])
    const made = await createSecret(needs, workspace, id as ClientId, {
      label: 'test',
      ...(chosen && { chosen }),
    })
    const secret = chosen ?? made.secret
    noteSecret('secret', secret)
    return { id, secret }
  }

  /** Each over a connection of its own, which the primary hands to the workers in turn. */
  const token = ({ id, secret }: { id: string; secret: string }, agent?: Agent) =>
    new Promise<{ status: number; retryAfter: string | undefined }>((resolve, reject) => {
      const form = new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: id,
        client_secret: secret,
      })
      const body = form.toString()
      const asked = request({
        host: '127.0.0.1',
        port,
        method: 'POST',
        path: '/acme/shop/oauth2/token',
        headers: {
          Host: 'acme.token.example',
          'Content-Type': 'application/x-www-form-urlencoded',
          'Content-Length': body.length,
          ...(agent === undefined && { Connection: 'close' }),
        },
        ...(agent && { agent }),
      })
      asked.on('error', reject)
      asked.on('response', (response) => {
        response.resume()
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] }),
        )
      })
      asked.end(body)
    })
  const statuses = async (count: number, who: { id: string; secret: string }) => {
    const seen: number[] = []
    for (let index = 0; index < count; index += 1) seen.push((await token(who)).status)
    return seen
  }
  const children = () =>
    execFileSync('ps', ['-o', 'pid=', '--ppid', String(regent.pid)], { encoding: 'utf8' })
      .split('\n')
      .map((line) => Number(line.trim()))
      .filter((pid) => pid > 0 && isNode(pid))
  const isNode = (pid: number) => {
    try {
      return execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).includes('serve')
    } catch {
      return false
    }
  }
  const metric = async (pattern: RegExp) => {
    const text = await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text()
    return Number(pattern.exec(text)?.[1])
  }
  const until = async (reached: () => boolean | Promise<boolean>) => {
    for (const deadline = Date.now() + 60_000; !(await reached()); await sleep(20))
      if (Date.now() > deadline)
        throw new Error(`it has not come to that: ${regent.said.out}${regent.said.err}`)
  }
  const isReady = async () => (await fetch(`http://127.0.0.1:${opsPort}/readyz`)).status === 200
  const confirmed = (feedNumber: number) => awaitConfirmation(needs.database, 'none', feedNumber, 20)

  it('answers from each process, and adds up what they count', async () => {
    const robot = await client('robot')
    const timed = /^regent_request_seconds_count\{endpoint="\/oauth2\/token",status="200"\} (\d+)/m
    const timedBefore = (await metric(timed)) || 0
    const before =
      (await metric(/^regent_tokens_issued_total\{grant_type="client_credentials"\} (\d+)/m)) || 0
    expect(children()).toHaveLength(WORKERS)
    expect(new Set(await statuses(8, robot))).toEqual(new Set([200]))
    expect(await metric(/^regent_tokens_issued_total\{grant_type="client_credentials"\} (\d+)/m)).toBe(
      before + 8,
    )
    expect(await metric(timed)).toBe(timedBefore + 8)
    // Each remembers it.
    expect(await metric(/^regent_memory_clients\{region="none"\} (\d+)/m)).toBeGreaterThanOrEqual(WORKERS)
  })

  it('shows the same page from each process', async () => {
    const seen = new Set<string>()
    for (let index = 0; index < 2 * WORKERS; index += 1) {
      const { status, headers, body } = await look({ port }, 'acme.token.example')
      seen.add(`${status} ${headers.get('content-security-policy')?.join()} ${body}`)
    }
    expect([...seen]).toEqual([expect.stringMatching(/^200 default-src 'none';style-src 'sha256-/)])
    expect(await metric(/^regent_request_seconds_count\{endpoint="\/",status="200"\} (\d+)/m)).toBe(
      2 * WORKERS,
    )
  })

  it('is one node to others, with the connections of all its processes', async () => {
    await until(isReady)
    const nodes = await needs.database.asOperator((connection) =>
      nodeStore(connection, 'none').listLiveNodes(),
    )
    // Four of each worker, and two and a listener of the primary.
    expect(nodes.map(({ connections }) => connections)).toEqual([WORKERS * 4 + 3])
  })

  it('makes digests under the first master key that all nodes know: the primary tells the workers', async () => {
    let number = 0
    /** Of a secret that had none, once it was used. */
    const usedDigest = async () => {
      number += 1
      const robot = await client(`digest-${number}`)
      const credential = <Result>(work: (connection: TenantConnection) => Promise<Result>) =>
        needs.database.inTenant(workspace.tenant.id, work)
      await credential(({ db }) =>
        db
          .updateTable('credential')
          .set({ digest: null, digest_key_id: null })
          .where('client_id', '=', robot.id as ClientId)
          .execute(),
      )
      expect((await token(robot)).status).toBe(200)
      let written: string | null | undefined
      await until(async () => {
        const row = await credential(({ db }) =>
          db
            .selectFrom('credential')
            .select('digest_key_id')
            .where('client_id', '=', robot.id as ClientId)
            .executeTakeFirst(),
        )
        written = row?.digest_key_id
        return written !== null
      })
      return written
    }
    expect(await usedDigest()).toBe('later')
    await needs.database.asOperator(({ db }) =>
      db
        .insertInto('node')
        .values({
          region: 'none',
          node_id: '00000000-0000-4000-8000-000000000001' as NodeId,
          feed_number: '0',
          connections: 1,
          master_key_ids: ['test'],
          version: 'of before',
          seen_at: new Date(Date.now() - 10_000),
        })
        .execute(),
    )
    await until(async () => (await usedDigest()) === 'test')
    await needs.database.asOperator(({ db }) =>
      db.deleteFrom('node').where('version', '=', 'of before').execute(),
    )
    await until(async () => (await usedDigest()) === 'later')
  }, 60_000)

  it('confirms a change when all workers know of it', async () => {
    const robot = await client('fired')
    expect(await statuses(4, robot)).toEqual([200, 200, 200, 200])
    const { feedNumber } = await setClientState(needs, workspace, 'fired' as ClientId, 'disabled')
    expect((await confirmed(feedNumber)).missing).toEqual([])
    expect(await statuses(4, robot)).toEqual([401, 401, 401, 401])
  })

  it('counts what all workers issue against a limit', async () => {
    const robot = await client('limited')
    const limit = 20
    const { feedNumber } = await setIssuanceLimit(
      needs,
      { workspace, clientId: 'limited' as ClientId },
      limit,
    )
    await confirmed(feedNumber)
    const all = await statuses(60, robot)
    const issued = all.filter((status) => status === 200).length
    // At most a lease of each process beyond it.
    expect(issued).toBeGreaterThan(0)
    expect(issued).toBeLessThanOrEqual(limit + WORKERS * Math.ceil(limit / 20))
    expect(all).toContain(429)
  })

  it('counts failing attempts of all workers together', async () => {
    await client('guessed', 'a chosen secret of its own')
    const all = await statuses(30, { id: 'guessed', secret: 'a wrong one' })
    const failed = all.filter((status) => status === 401).length
    expect(failed).toBeGreaterThanOrEqual(10)
    // What is under way between two processes may be one more.
    expect(failed).toBeLessThanOrEqual(12)
  })

  it('replaces a worker that dies, and loses only what it had not answered', async () => {
    const robot = await client('steady')
    await statuses(4, robot)
    const [victim = 0, ...others] = children()
    process.kill(victim, 'SIGKILL')
    await until(
      async () => children().length === WORKERS && !children().includes(victim) && (await isReady()),
    )
    expect(children()).toEqual(expect.arrayContaining(others))
    expect(regent.said.out).toContain('"event":"worker_ended"')
    expect([await metric(/^regent_workers_ended_total (\d+)/m), regent.said.err]).toEqual([1, ''])
    expect(await statuses(6, robot)).toEqual(Array.from({ length: 6 }, () => 200))
  })

  it('replaces its workers one by one at SIGHUP, and fails no request', async () => {
    const robot = await client('patient')
    const before = children()
    const asking = new AbortController()
    const seen: number[] = []
    const load = (async () => {
      while (!asking.signal.aborted) seen.push((await token(robot)).status)
    })()
    regent.kill('SIGHUP')
    await until(() => children().length === WORKERS && children().every((pid) => !before.includes(pid)))
    await until(isReady)
    asking.abort()
    await load
    expect(seen.filter((status) => status !== 200)).toEqual([])
    expect(seen.length).toBeGreaterThan(0)
  })

  it('a change made while a worker was new is known to it', async () => {
    const robot = await client('late')
    await statuses(4, robot)
    const [victim = 0] = children()
    process.kill(victim, 'SIGKILL')
    const { feedNumber } = await setClientState(needs, workspace, 'late' as ClientId, 'disabled')
    await until(
      async () => children().length === WORKERS && !children().includes(victim) && (await isReady()),
    )
    await confirmed(feedNumber)
    expect(await statuses(6, robot)).toEqual(Array.from({ length: 6 }, () => 401))
  })

  it('stops with all its processes', async () => {
    const before = children()
    regent.kill('SIGTERM')
    expect(await regent.ended).toBe(0)
    for (const pid of before) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    const nodes = await needs.database.asOperator((connection) =>
      nodeStore(connection, 'none').listLiveNodes(),
    )
    expect(nodes).toEqual([])
    // What two killed workers knew of the uses of credentials is known to be missing; the others wrote theirs.
    const gaps = await needs.database.asOperator(({ db }) => db.selectFrom('use_gap').selectAll().execute())
    expect(gaps).toHaveLength(2)
  })

  it('leaves no worker behind when the primary is killed', async () => {
    regent = startCommand(['serve'], environment)
    await regent.says('server_started')
    const orphans = children()
    expect(orphans).toHaveLength(WORKERS)
    regent.kill('SIGKILL')
    await until(() => orphans.every((pid) => !isNode(pid)))
  })

  it('does not start on the embedded database', async () => {
    const { DATABASE_URL: _, DATABASE_ADMIN_URL: __, ...without } = environment
    const { code, err } = await runCommand(['serve'], without)
    expect(code).toBe(1)
    expect(err).toContain('REGENT_WORKERS needs a PostgreSQL server')
  })

  it('ends, and says why, when its workers cannot start', async () => {
    const { code, err } = await runCommand(['serve'], { ...environment, HOST: '192.0.2.1' })
    expect(code).toBe(1)
    expect(err).toContain('HOST')
  })
})
