/** Whether what came back is what a node may say, by what was true when it was asked and by what it had read of the feed. */
import { answerOf, ORDERS, type Answer, type ModelClient } from './answer.ts'
import type { Opened } from './place.ts'
import type { Asking } from './questions.ts'

export class Disagreement extends Error {
  override readonly name = 'Disagreement'
}

export type Judged = { readonly status: number; readonly old: boolean }

/**
 * A yes may come from what the node has read; so may a no to a scope, and keys. That a client is wrong, or that nothing is
 * there, is the database's word of the time of the question.
 * @throws Disagreement
 */
export function judge(asking: Asking, now: number): Judged {
  const { place, client, asked, span, reply } = asking
  const there = place.exists.during(span)
  if (reply.status === 404) {
    if (!there.includes(false)) throw disagreement(asking, there)
    return { status: 404, old: false }
  }
  const { opened } = place
  if (!there.includes(true) || opened === undefined) throw disagreement(asking, there)
  const body = JSON.parse(String(reply.body)) as Record<string, unknown>
  if (asked === undefined) return judgeKeys(asking, opened, body)

  const answer = readAnswer(reply.status, body)
  const states = client?.state
  const known: readonly (ModelClient | undefined)[] = states?.since(asking.read, span) ?? [undefined]
  const present: readonly (ModelClient | undefined)[] = states?.during(span) ?? [undefined]
  const believed = reply.status === 401 ? present : known
  const same = (state: ModelClient | undefined) => isSame(answerOf(state, asked, now), answer)
  const fitting = believed.filter(same)
  if (fitting.length === 0) {
    throw disagreement(asking, [
      answer,
      'instead of',
      ...believed.map((state) => answerOf(state, asked, now)),
    ])
  }
  if (answer.status === 200) requireToken(asking, opened, body, answer, fitting)
  return { status: reply.status, old: !present.some(same) }
}

function judgeKeys(asking: Asking, { keys }: Opened, body: Record<string, unknown>): Judged {
  const kids = (body.keys as { kid: string }[]).map(({ kid }) => kid).toSorted()
  const { read, span, reply } = asking
  const same = ({ published }: { published: readonly string[] }) => isSame(published, kids)
  if (!keys.since(read, span).some(same)) throw disagreement(asking, [kids, keys.since(read, span)])
  return { status: reply.status, old: !keys.during(span).some(same) }
}

function readAnswer(status: number, body: Record<string, unknown>): Answer {
  if (status !== 200) return { status, error: body.error } as Answer
  const { aud: audience, cred: credentialId } = partsOf(body).claims
  const scope = String(body.scope).split(' ').toSorted().join(' ')
  return { status, scope, audience, credentialId } as Answer
}

function partsOf(body: Record<string, unknown>) {
  const [header = {}, claims = {}] = String(body.access_token)
    .split('.', 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>)
  return { header, claims }
}

/** Signed by a key, in a way, and within limits, that the node may know of. */
function requireToken(
  asking: Asking,
  { workspace, keys, signing, limit }: Opened,
  body: Record<string, unknown>,
  { audience }: Answer & { status: 200 },
  states: readonly (ModelClient | undefined)[],
): void {
  const { place, client, read, span, reply } = asking
  const { header, claims } = partsOf(body)
  const bySigning = audience === ORDERS ? signing.since(read, span) : [{ algorithm: 'ES256', type: 'at+jwt' }]
  const headers = keys.since(read, span).flatMap(({ active }) =>
    bySigning.map(({ algorithm, type }) => {
      const alg = algorithm in active ? algorithm : 'ES256'
      return { alg, kid: active[alg], typ: type }
    }),
  )
  const { alg, kid, typ } = header
  if (!headers.some((one) => isSame(one, { alg, kid, typ }))) throw disagreement(asking, [header, headers])

  const mine = { iss: workspace.issuer, sub: client?.id, client_id: client?.id, tid: place.tenant.slug }
  for (const [name, value] of Object.entries(mine))
    if (claims[name] !== value) throw disagreement(asking, [name, claims[name], value])

  const policies = states.flatMap((state) =>
    limit
      .since(read, span)
      .flatMap((ofWorkspace) =>
        place.tenantLimit
          .since(read, span)
          .map((ofTenant) => printPolicy({ client: state?.limit, workspace: ofWorkspace, tenant: ofTenant })),
      ),
  )
  const policy = Object.entries(reply.headers).find(
    ([name]) => name.toLowerCase() === 'ratelimit-policy',
  )?.[1]
  if (!policies.includes(policy ?? '')) throw disagreement(asking, [policy, policies])
}

function printPolicy(limits: Readonly<Record<string, number | undefined>>): string {
  return Object.entries(limits)
    .flatMap(([name, limit]) => (limit === undefined ? [] : `"${name}";q=${limit};w=60`))
    .join(', ')
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function disagreement({ place, client, asked, reply }: Asking, why: unknown): Disagreement {
  const { region, tenant, workspace } = place.address
  const who = `${tenant}.${region}/${workspace} ${client?.id ?? ''} ${asked ? 'token' : 'keys'}`
  return new Disagreement(
    `${who}: ${reply.status} ${String(reply.body).slice(0, 200)}: ${JSON.stringify(why)}`,
  )
}
