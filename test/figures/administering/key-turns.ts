/**
 * Signing keys take turns on several nodes under token load, by administrators and by the chore. Every node's JWKS of every
 * workspace is fetched over and over, and kept; in the end each set is held against each token: from the end of a key's lead,
 * and before that for as long as a verifier may go on with the set that it has, until the last token that the key signed
 * has ended, no set of any node may lack it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { askForToken, inLanes, numbers, send } from './administrators.ts'
import { setsAndTokens, type Workspace } from './key-sets.ts'
import { openPlace, type Place, type Tenant } from './place.ts'

type Options = {
  readonly rotations: number
  readonly workspaces: number
  readonly nodes: number
  /** Seconds: the next key may sign so early, whatever the settings say. Undefined: as they say. */
  readonly lead?: number
  readonly onProgress?: (line: string) => void
}

export type Turned = {
  readonly rotations: number
  /** Of these, by the chore. */
  readonly byChore: number
  readonly tokens: number
  readonly kids: number
  readonly sets: number
  /** Keys that no set holds any more. */
  readonly gone: number
  readonly seconds: number
  readonly wrong: readonly string[]
}

/** Seconds each: the shortest that settings may be. */
const MAX_AGE = 60
const LIFETIME = 60
const LEAD = 2 * MAX_AGE
export const SHORTEST_STALE = { REGENT_MAX_STALE: '60' }
const TENANTS = 4
const TOKEN_LANES = 3
const RARELY = '0 3 1 1 *'

export async function turnKeys(options: Options): Promise<Turned> {
  const place = await openPlace({ nodes: options.nodes, environment: SHORTEST_STALE })
  try {
    const tenants: Tenant[] = []
    for (const number of numbers(Math.min(TENANTS, options.workspaces)))
      tenants.push(await place.tenant(`turning-${number}`, 2))
    return await turn(place, tenants, options)
  } finally {
    await place.close()
  }
}

export async function turn(
  { nodes, query }: Pick<Place, 'nodes' | 'query'>,
  tenants: readonly Tenant[],
  { rotations: wanted, workspaces: count, lead, onProgress = () => {} }: Omit<Options, 'nodes'>,
): Promise<Turned> {
  const begun = performance.now()
  const ports = nodes.map(({ port }) => port)
  const any = <Item>(list: readonly Item[]) => list[Math.floor(Math.random() * list.length)] as Item
  const workspaces: Workspace[] = []
  await inLanes(4, numbers(count), async (number) => {
    const tenant = tenants[number % tenants.length] as Tenant
    const slug = `${number % 2 === 0 ? 'asked' : 'due'}-${number}`
    const issuer = await tenant.workspace(slug, {
      access_token_lifetime: LIFETIME,
      jwks_max_age: MAX_AGE,
      signing_lead: LEAD,
      key_rotation: RARELY,
    })
    const { secret } = await tenant.client(slug, 'robot')
    workspaces.push({ tenant, slug, issuer, secret })
  })
  const seen = setsAndTokens()
  const wrong: string[] = []
  const state = { running: true, rotations: 0 }
  const whileRunning = async (work: () => Promise<void>) => {
    while (state.running)
      await work().catch((error: Error) => {
        wrong.push(error.message)
        return sleep(100)
      })
  }
  const fetchSet = async (port: number, workspace: Workspace) => {
    const sent = Date.now()
    const { status, text } = await send(
      port,
      'get',
      `${workspace.issuer}/.well-known/jwks.json`,
      undefined,
      {},
    )
    if (status !== 200) wrong.push(`a JWKS: ${status}`)
    else seen.takeSet(workspace, text, sent)
  }
  const askToken = async () => {
    const workspace = any(workspaces)
    const { issuer, secret } = workspace
    const { status, text } = await askForToken(any(ports), `${issuer}/oauth2/token`, 'robot', secret)
    if (status !== 200) wrong.push(`no token: ${status} ${text}`)
    else seen.takeToken(workspace, (JSON.parse(text) as { access_token: string }).access_token)
    await fetchSet(any(ports), workspace)
  }
  const sweep = async (port: number) => {
    for (const workspace of workspaces) {
      if (!state.running) return
      await fetchSet(port, workspace)
      await sleep(5)
    }
  }
  const rotate = async () => {
    for (const { tenant, slug } of workspaces.filter((one) => one.slug.startsWith('asked'))) {
      if (!state.running) return
      const answer = await tenant.ask(any(ports), 'post', `/workspaces/${slug}/keys/rotate`, {})
      // 409: verifiers may not have the next key yet.
      if (answer.status !== 200 && answer.status !== 409)
        wrong.push(`rotate: ${answer.status} ${answer.text}`)
    }
    await sleep(lead === undefined ? 2000 : 100)
  }
  const makeDue = async () => {
    if (lead !== undefined)
      await query(
        `update regent.signing_key set may_sign_at = published_at + $1 * interval '1 s' where state = 'published'`,
        [lead],
      )
    await query(`update regent.workspace w set rotation_due_at = now() where slug like 'due-%' and rotation_due_at > now() + interval '1 h'
      and exists (select from regent.signing_key k where k.tenant_id = w.tenant_id and k.workspace_id = w.workspace_id
        and k.state = 'published' and k.may_sign_at <= now())`)
    const { rows } = await query<{ count: number }>(
      `select count(*)::int as count from regent.signing_key join regent.workspace using (tenant_id, workspace_id)
       where retired_at is not null and not built_in`,
    )
    state.rotations = rows[0]?.count ?? 0
    onProgress(`${state.rotations} rotations, ${seen.counts().tokens} tokens, ${seen.counts().sets} sets`)
    await sleep(lead === undefined ? 5000 : 200)
  }

  const working = [
    ...numbers(TOKEN_LANES).map(() => whileRunning(askToken)),
    ...ports.map((port) => whileRunning(() => sweep(port))),
    whileRunning(makeDue),
    whileRunning(rotate),
  ]
  while (state.rotations < wanted) await sleep(100)
  // The last tokens of keys that have been retired end meanwhile; in the short form nobody waits for that.
  if (lead === undefined) await sleep((LIFETIME + MAX_AGE) * 1000)
  state.running = false
  await Promise.all(working)

  const { rows: keys } = await query<{ kid: string; state: string; by_chore: boolean; from: number }>(
    `select kid, k.state, slug like 'due-%' as by_chore, extract(epoch from
       case when k.activated_at = k.published_at then k.published_at + interval '2 s'
         else k.may_sign_at - $1 * interval '1 s' end)::float as from
     from regent.signing_key k join regent.workspace using (tenant_id, workspace_id) where not built_in`,
    // Where the lead was cut short, nobody may go on with the set that they have.
    [lead === undefined ? MAX_AGE : 0],
  )
  const retired = keys.filter((key) => key.state === 'retired' || key.state === 'gone')
  wrong.push(...seen.faults(new Map(keys.map(({ kid, from }) => [kid, from]))))
  return {
    rotations: retired.length,
    byChore: retired.filter((key) => key.by_chore).length,
    ...seen.counts(),
    gone: keys.filter((key) => key.state === 'gone').length,
    seconds: (performance.now() - begun) / 1000,
    wrong: [...new Set(wrong)],
  }
}
