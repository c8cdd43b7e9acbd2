/**
 * T04 A node that remembers, against a model that does not: tenants in two regions of one database, with the same slugs of
 * workspaces and the same client ids, changed and asked in random order. Changes are made past the node: only the feed
 * tells it. REGENT_MODEL_OPERATIONS=1000000 for a long run, REGENT_MODEL_SEED to repeat one.
 */
import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import { createClient, deleteClient, setClientState } from '../../src/changes/client-changes.ts'
import { createSecret, revokeCredential } from '../../src/changes/credential-changes.ts'
import { revokeKey, rotateKeys } from '../../src/changes/key-changes.ts'
import { grantScopes, withdrawScopes } from '../../src/changes/scope-changes.ts'
import { generateSecret } from '../../src/clients/secret.ts'
import { newCredentialId, type ClientId, type CredentialId, type Kid } from '../../src/ids.ts'
import type { ScopeToken } from '../../src/oauth/scope.ts'
import { assembleServer } from '../../src/server/assemble.ts'
import type { TokenServer } from '../../src/server/server-parts.ts'
import { listen, openWorld, type World, type WorldWorkspace } from '../support/world.ts'
import {
  answerOf,
  mayBeAnswered,
  operation,
  overTime,
  type Answer,
  type ModelClient,
  type Operation,
} from './model.ts'

const OPERATIONS = Number(process.env.REGENT_MODEL_OPERATIONS ?? 2000)
const SEED = Number(process.env.REGENT_MODEL_SEED ?? Math.floor(Math.random() * 2 ** 31))
const CHUNK = 500
const TENANTS = ['acme.eu', 'rival.eu', 'acme.us']
const SLUGS = ['orders', 'depot', 'later']

type Client = {
  readonly id: ClientId
  readonly state: ReturnType<typeof overTime<ModelClient | undefined>>
  readonly credentials: Map<string, CredentialId>
  readonly revoked: string[]
}
type Place = {
  readonly story: WorldWorkspace
  readonly kid: ReturnType<typeof overTime<string>>
  /** By slot. */
  readonly clients: Map<number, Client>
}

describe(`T04 T19 a node and a model without memory (seed ${SEED})`, () => {
  let world: World
  let node: TokenServer
  let port: number
  const agent = new Agent({ keepAlive: true })
  const places: Place[] = []
  const opened = new Set<string>()
  const counts = { changes: 0, answers: { 200: 0, 400: 0, 401: 0 }, old: 0 }

  beforeAll(async () => {
    world = await openWorld({ regions: ['eu', 'us'] })
    node = assembleServer({ ...world.parts, observe: () => {} })
    await node.start()
    port = await listen(node.http)
    for (const tenant of TENANTS) await openPlace(`https://${tenant}.token.example/orders`)
  })
  afterAll(async () => {
    agent.destroy()
    node.http.closeAllConnections()
    node.http.close()
    await node.stop()
    await world.close()
  })

  async function openPlace(issuer: string) {
    opened.add(issuer)
    const story = await world.workspace(issuer)
    places.push({ story, kid: overTime<string>(await activeKid(story)), clients: new Map() })
  }
  /** The word of the table. */
  const activeKid = ({ workspace }: WorldWorkspace) =>
    world.database.inTenant(workspace.tenant.id, async ({ db }) => {
      const row = await db
        .selectFrom('signing_key')
        .select('kid')
        .where((eb) => eb.and({ workspace_id: workspace.id, state: 'active' }))
        .executeTakeFirstOrThrow()
      return row.kid
    })
  const poll = async () => {
    await Promise.all([...node.nodes.values()].map(({ directory }) => directory.feed.poll()))
    for (const { kid, clients } of places) {
      kid.wasRead()
      for (const { state } of clients.values()) state.wasRead()
    }
  }

  async function ask({ host, path }: WorldWorkspace, id: string, secret: string, scope: string | undefined) {
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: id,
      client_secret: secret,
    })
    if (scope !== undefined) form.set('scope', scope)
    const body = form.toString()
    const asked = request({ port, agent, method: 'POST', path: `${path}/oauth2/token` })
    asked.setHeader('Host', host)
    asked.setHeader('Content-Type', 'application/x-www-form-urlencoded')
    asked.setHeader('Content-Length', body.length)
    return new Promise<{ status: number; body: Record<string, unknown> }>((resolve, reject) => {
      asked.on('error', reject)
      asked.on('response', (response) => {
        text(response).then(
          (answer) => resolve({ status: response.statusCode ?? 0, body: JSON.parse(answer) as never }),
          reject,
        )
      })
      asked.end(body)
    })
  }

  function secretFor({ secret, pick, slot }: Operation, place: Place, client: Client): string {
    const live = client.state.now()?.secrets ?? []
    const own = live[pick % Math.max(1, live.length)] ?? client.revoked.at(-1)
    const neighbours = places
      .filter((other) => other !== place)
      .flatMap(({ clients }) => clients.get(slot) ?? [])
    const foreign = neighbours[pick % Math.max(1, neighbours.length)]?.state.now()?.secrets[0]
    const unknown = () => generateSecret(newCredentialId())
    if (secret === 'right') return own ?? unknown()
    if (secret === 'revoked') return client.revoked.at(-1) ?? unknown()
    if (secret === 'of a neighbour') return foreign ?? unknown()
    // The id of a credential that is there, and other random bits.
    if (secret === 'altered') return generateSecret((own?.slice(4, 20) ?? newCredentialId()) as CredentialId)
    if (secret === 'damaged') return `${own ?? unknown()}x`
    return unknown()
  }

  async function check(asked: Operation, place: Place, client: Client) {
    const secret = secretFor(asked, place, client)
    const allowed = mayBeAnswered(client.state, secret, asked.scope)
    const { status, body } = await ask(place.story, client.id, secret, asked.scope)
    const answer =
      status === 200
        ? { status, scope: String(body.scope).split(' ').toSorted().join(' ') }
        : { status, error: body.error }
    expect(allowed).toContainEqual(answer)
    counts.answers[status as Answer['status']] += 1
    if (JSON.stringify(answer) !== JSON.stringify(allowed[0])) counts.old += 1
    if (status !== 200) return
    const [header, claims] = String(body.access_token)
      .split('.', 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>)
    expect(place.kid.since()).toContain(header?.kid)
    expect(claims).toMatchObject({ iss: place.story.workspace.issuer, sub: client.id, client_id: client.id })
  }

  async function take(asked: Operation) {
    const place = places[asked.place % places.length]
    if (place === undefined) return
    const { story } = place
    const { workspace } = story
    const change = { ...story.change, database: world.database }
    const client = place.clients.get(asked.slot)
    const now = client?.state.now()
    counts.changes += ['ask', 'poll', 'forget'].includes(asked.kind) ? 0 : 1
    if (asked.kind === 'poll') return poll()
    if (asked.kind === 'forget') {
      for (const { directory } of node.nodes.values()) directory.forgetAll()
      return
    }
    if (asked.kind === 'workspace') {
      const free = TENANTS.flatMap((tenant) => SLUGS.map((slug) => `https://${tenant}.token.example/${slug}`))
      const issuer = free.find((candidate) => !opened.has(candidate))
      if (issuer === undefined) return
      const { host, pathname } = new URL(issuer)
      const nobody = await ask(
        { host, path: `/${host.split('.')[0]}${pathname}` } as WorldWorkspace,
        'x',
        'x',
        undefined,
      )
      expect(nobody.status).toBe(404)
      return openPlace(issuer)
    }
    if (asked.kind === 'revoke key') {
      await revokeKey(change, workspace, place.kid.now() as Kid)
      place.kid.change(await activeKid(story))
      return
    }
    if (asked.kind === 'rotate key') {
      // As if its lead had passed.
      await superuser(
        `update regent.signing_key set published_at = published_at - interval '9 days',
             may_sign_at = least(may_sign_at, now() - interval '1 day')
           where workspace_id = '${workspace.id}' and state = 'published'`,
      )
      await rotateKeys(change, workspace)
      place.kid.change(await activeKid(story))
      return
    }
    if (asked.kind === 'create') {
      if (now !== undefined) return
      // The same ids everywhere; an id that was deleted is never used again.
      const id =
        `robot-${asked.slot}-${client === undefined ? 0 : Number(client.id.split('-')[2]) + 1}` as ClientId
      const before: Client = {
        id,
        state: overTime<ModelClient | undefined>(undefined),
        credentials: new Map(),
        revoked: [],
      }
      place.clients.set(asked.slot, before)
      await check({ ...asked, secret: 'unknown' }, place, before)
      await createClient(change, workspace, { id, name: id })
      before.state.change({ enabled: true, secrets: [], grants: {} })
      await grantScopes(change, workspace, id, ['read'])
      before.state.change({ enabled: true, secrets: [], grants: { read: true } })
      return addSecret(before)
    }
    if (client === undefined) return
    if (asked.kind === 'ask') {
      const twice = { ...asked, secret: 'right' as const, pick: asked.pick >> 1 }
      await Promise.all([check(asked, place, client), check(twice, place, client)])
      return
    }
    if (now === undefined) return
    const { id, state } = client
    switch (asked.kind) {
      case 'disable':
      case 'enable':
        await setClientState(change, workspace, id, asked.kind === 'enable' ? 'enabled' : 'disabled')
        return state.change({ ...now, enabled: asked.kind === 'enable' })
      case 'delete':
        await deleteClient(change, workspace, id)
        client.revoked.push(...now.secrets)
        return state.change(undefined)
      case 'grant':
        await grantScopes(change, workspace, id, [asked.token], asked.byDefault)
        return state.change({ ...now, grants: { ...now.grants, [asked.token]: asked.byDefault } })
      case 'withdraw': {
        if (!(asked.token in now.grants)) return
        await withdrawScopes(change, workspace, id, [asked.token as ScopeToken])
        const { [asked.token]: _, ...grants } = now.grants
        return state.change({ ...now, grants })
      }
      case 'secret':
        return now.secrets.length < 5 ? addSecret(client) : undefined
      case 'revoke': {
        const secret = now.secrets[asked.pick % Math.max(1, now.secrets.length)]
        if (secret === undefined) return
        await revokeCredential(change, workspace, id, client.credentials.get(secret) as CredentialId)
        client.revoked.push(secret)
        return state.change({ ...now, secrets: now.secrets.filter((other) => other !== secret) })
      }
    }

    async function addSecret(owner: Client) {
      const { secret, credentialId } = await createSecret(change, workspace, owner.id)
      owner.credentials.set(secret, credentialId)
      const before = owner.state.now() as ModelClient
      owner.state.change({ ...before, secrets: [...before.secrets, secret] })
    }
  }
  const superuser = async (statement: string) => {
    const { Client: PgClient } = await import('pg')
    const connected = new PgClient({ connectionString: world.urls.superuser })
    await connected.connect()
    await connected.query(statement).finally(() => connected.end())
  }

  it(`answer alike, ${OPERATIONS} operations long`, async () => {
    for (let done = 0; done < OPERATIONS; done += CHUNK) {
      const operations = fc.sample(operation, {
        numRuns: Math.min(CHUNK, OPERATIONS - done),
        seed: SEED + done,
      })
      for (const [index, asked] of operations.entries()) {
        await take(asked).catch((error: unknown) => {
          const message = `operation ${done + index} of seed ${SEED}: ${JSON.stringify(asked)}`
          throw new Error(message, { cause: error })
        })
      }
      // Every client, now that everything was read: no answer may be old.
      await poll()
      for (const place of places) {
        for (const client of place.clients.values()) {
          const secret = client.state.now()?.secrets[0] ?? client.revoked.at(-1)
          if (secret === undefined) continue
          const { status } = await ask(place.story, client.id, secret, 'read')
          expect(status).toBe(answerOf(client.state.now(), secret, 'read').status)
        }
      }
    }
    if (process.env.REGENT_MODEL_OPERATIONS !== undefined) {
      process.stderr.write(`T04 ${JSON.stringify({ seed: SEED, operations: OPERATIONS, ...counts })}\n`)
    }
    // It was about something: all kinds of answers came, and some were old.
    for (const count of Object.values(counts.answers)) expect(count).toBeGreaterThan(OPERATIONS / 100)
    expect(counts.old).toBeGreaterThan(0)
  }, 86_400_000)
})
