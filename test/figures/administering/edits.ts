/**
 * Many edits of one client at once, by several administrators at several nodes. What was acknowledged is compared with what is
 * there, and the audit trail is gone through from its beginning: each change must have begun with what the one before it
 * left, and there must be one for each that was acknowledged, and no other.
 */
import type { Body } from '../../admin/api.ts'
import { inLanes, numbers, type Answer, type Method } from './administrators.ts'
import { allPages, done, openPlace, type Place, type Tenant } from './place.ts'

type Options = {
  /** Of each kind. */
  readonly edits: number
  readonly lanes: number
  readonly nodes: number
  readonly administrators: number
  readonly onProgress?: (line: string) => void
}

export type Edited = {
  /** Changes that were acknowledged, by kind. */
  readonly acknowledged: Readonly<Record<string, number>>
  /** Times that a 412 said that somebody was faster. */
  readonly overtaken: number
  /** Times that an answer was one of an earlier time. */
  readonly replayed: number
  readonly wrong: readonly string[]
}

const CLIENT = '/workspaces/shop/clients/robot'
const COPIES = 3
/** A client has five places for secrets. */
const SECRET_LANES = 4

export async function editAtOnce(options: Options): Promise<Edited> {
  const { nodes, administrators } = options
  const place = await openPlace({ nodes })
  try {
    const tenant = await place.tenant('edited', administrators)
    await tenant.workspace('shop')
    await tenant.client('shop', 'robot')
    return await edit(place, tenant, options)
  } finally {
    await place.close()
  }
}

export async function edit(
  place: Place,
  tenant: Tenant,
  { edits, lanes, onProgress = () => {} }: Omit<Options, 'nodes' | 'administrators'>,
): Promise<Edited> {
  const port = place.nodes[0]?.port ?? 0
  const servers = done(await tenant.ask(port, 'get', '/workspaces/shop/resource-servers'))
  const scopes = numbers(edits).map((number) => `edit:${number}`)
  for (let from = 0; from < edits; from += 100) {
    const some = Object.fromEntries(scopes.slice(from, from + 100).map((scope) => [scope, 'x']))
    const path = `/workspaces/shop/resource-servers/${servers.items[0].id}/scopes`
    done(await tenant.ask(port, 'post', path, { scopes: some }))
  }
  const before = done(await tenant.ask(port, 'get', CLIENT))
  const eventsBefore = (await tenant.events()).length
  const counts = { overtaken: 0, replayed: 0 }
  const acknowledged: Record<string, number> = {}
  const wrong: string[] = []
  let turn = 0
  const ask = (method: Method, path: string, body?: object, headers?: Record<string, string>, by?: number) =>
    tenant.ask(place.nodes[(turn += 1) % place.nodes.length]?.port ?? 0, method, path, body, headers, by)
  const acknowledge = (kind: string) => void (acknowledged[kind] = (acknowledged[kind] ?? 0) + 1)

  /** The same request at several nodes at once. @returns their one answer */
  const repeatedly = async (path: string, body: object, key: string, status: number): Promise<Body> => {
    const headers = { 'Idempotency-Key': key }
    // A key is the caller's own: another one's is another request.
    const by = turn
    const answers = await Promise.all(numbers(COPIES).map(() => ask('post', path, body, headers, by)))
    const shown = new Set(answers.map(({ text }) => text))
    const replayed = answers.filter(({ headers: told }) => told['idempotency-replayed'] === 'true')
    counts.replayed += replayed.length
    if (shown.size !== 1 || replayed.length !== COPIES - 1)
      wrong.push(`${key}: ${shown.size} answers, of which ${replayed.length} were repeated`)
    return done(answers[0] as Answer, status)
  }

  await inLanes(lanes, scopes, async () => {
    for (;;) {
      const { body, headers } = await ask('get', CLIENT)
      const next = (body.tokens_per_minute ?? 0) + 1
      const match = { 'If-Match': String(headers.etag) }
      const answer = await ask('patch', CLIENT, { tokens_per_minute: next }, match)
      if (answer.status === 412) {
        counts.overtaken += 1
        continue
      }
      done(answer)
      return acknowledge('client_changed')
    }
  })
  const counted = done(await ask('get', CLIENT)).tokens_per_minute
  if (counted !== edits) wrong.push(`counted to ${edits} with If-Match, and it is ${counted}`)
  onProgress(`${edits} with If-Match, ${counts.overtaken} times overtaken`)

  const granted = new Set<string>(before.scopes.map(({ scope }: Body) => scope))
  const secrets = new Set<string>()
  await Promise.all([
    // Each names one field, and must not take the others back.
    inLanes(lanes, numbers(edits), async (number) => {
      const patch = [{ name: `Robot ${number}` }, { allowed_networks: [`10.0.0.${number % 250}`] }]
      done(await ask('patch', CLIENT, patch[number % 2]))
      acknowledge('client_changed')
    }),
    inLanes(lanes, scopes, async (scope) => {
      await repeatedly(`${CLIENT}/scopes`, { scopes: [scope] }, `grant ${scope}`.replace(' ', '-'), 200)
      granted.add(scope)
      acknowledge('scopes_granted')
      if (Number(scope.slice(5)) % 2 === 0) return
      done(await ask('delete', `${CLIENT}/scopes?scope=${encodeURIComponent(scope)}`))
      granted.delete(scope)
      acknowledge('scopes_withdrawn')
    }),
    inLanes(SECRET_LANES, scopes, async (label) => {
      const made = await repeatedly(`${CLIENT}/credentials`, { label }, `secret-${label}`, 201)
      if (secrets.has(made.id)) wrong.push(`secret ${made.id} was made twice`)
      secrets.add(made.id)
      acknowledge('secret_created')
      const path = `${CLIENT}/credentials/${made.id}`
      const ends = await Promise.all([ask('delete', path), ask('delete', path)])
      if (
        ends
          .map(({ status }) => status)
          .toSorted()
          .join() !== '204,404'
      )
        wrong.push(`it ended ${ends.map(({ status }) => status).join()}`)
      acknowledge('credential_revoked')
    }),
  ])
  onProgress(`all others, ${counts.replayed} answers repeated`)

  const after = done(await ask('get', CLIENT))
  const has = after.scopes.map(({ scope }: Body) => scope as string)
  if (!same(has.toSorted(), [...granted].toSorted()))
    wrong.push(`it has ${has.length} scopes, and ${granted.size} were granted and not withdrawn`)
  const events = (await tenant.events()).slice(eventsBefore)
  wrong.push(...faultsOfTrail(events, before, after), ...countFaults(events, acknowledged))
  const credentials = await allPages(tenant, port, `${CLIENT}/credentials`)
  const made = new Set(credentials.map(({ id }: Body) => id as string))
  for (const id of secrets) if (!made.has(id)) wrong.push(`secret ${id} is not there`)
  const verdict = done(await ask('get', '/audit-events/verification'))
  if (verdict.faults.length > 0) wrong.push(`the trail: ${JSON.stringify(verdict.faults)}`)
  return { acknowledged, ...counts, wrong }
}

const FIELDS: Readonly<Record<string, string>> = {
  name: 'name',
  tokensPerMinute: 'tokens_per_minute',
  allowedNetworks: 'allowed_networks',
}

/** Each change begins with what the one before it left; the last one left what is there. */
function faultsOfTrail(events: readonly Body[], before: Body, after: Body): readonly string[] {
  const wrong: string[] = []
  const state = { ...before }
  for (const { action, details, sequence } of events) {
    if (action !== 'client_changed') continue
    for (const [name, field] of Object.entries(FIELDS)) {
      if (!(name in details.after)) continue
      if (!same(details.before[name], state[field])) wrong.push(`event ${sequence}: ${name} was lost`)
      state[field] = details.after[name]
    }
  }
  for (const field of Object.values(FIELDS))
    if (!same(state[field], after[field])) wrong.push(`${field} is not what was written last`)
  return wrong
}

const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)

function countFaults(
  events: readonly Body[],
  acknowledged: Readonly<Record<string, number>>,
): readonly string[] {
  const found: Record<string, number> = {}
  const subjects = new Map<string, number>()
  for (const { action, details } of events) {
    found[action] = (found[action] ?? 0) + 1
    const own = action.startsWith('client_')
      ? undefined
      : `${action} ${details.credentialId ?? details.id ?? details.scopes}`
    if (own !== undefined) subjects.set(own, (subjects.get(own) ?? 0) + 1)
  }
  return [
    ...Object.keys({ ...found, ...acknowledged })
      .filter((action) => found[action] !== acknowledged[action])
      .map((action) => `${action}: ${acknowledged[action]} acknowledged, ${found[action]} in the trail`),
    ...[...subjects].filter(([, times]) => times > 1).map(([what, times]) => `${what}: ${times} times`),
  ]
}
