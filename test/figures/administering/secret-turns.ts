/**
 * A client's secret takes turns under load from two of its processes (pods): one goes on with the old secret until its end, the
 * other one has the new secret from the start. Neither may be refused before the old one ends, on any node; afterwards the
 * old one is refused. By an administrator, and by the client itself, whose two processes also ask at the same moment.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { noteSecret } from '../../support/noted-secrets.ts'
import { askForToken, inLanes, numbers, send } from './administrators.ts'
import { done, openPlace, type Place, type Tenant } from './place.ts'

type Options = {
  /** Of each kind. */
  readonly turns: number
  readonly clients: number
  readonly nodes: number
  /** Seconds. */
  readonly overlap: number
  readonly onProgress?: (line: string) => void
}

export type SecretsTurned = {
  readonly turns: number
  /** Tokens during an overlap, by which secret. */
  readonly byOld: number
  readonly byNew: number
  /** Milliseconds from an old secret's end to its last token. */
  readonly lastAfterEnd: number
  readonly wrong: readonly string[]
}

type Secret = { readonly secret: string; readonly id: string }
type Turn = { readonly fresh: Secret; /** Milliseconds since 1970. */ readonly oldEnds: number }

/** Milliseconds: the second in which it ends, and what a node may be behind. */
const SOON_AFTER = 2500
const BETWEEN = 40

export async function turnSecrets(options: Options): Promise<SecretsTurned> {
  const place = await openPlace({ nodes: options.nodes })
  try {
    const tenant = await place.tenant('pods', 4)
    await tenant.workspace('shop', { self_rotation: true })
    return await turn(place, tenant, options)
  } finally {
    await place.close()
  }
}

export async function turn(
  { nodes }: Pick<Place, 'nodes'>,
  tenant: Tenant,
  { turns, clients, overlap, onProgress = () => {} }: Omit<Options, 'nodes'>,
): Promise<SecretsTurned> {
  const ports = nodes.map(({ port }) => port)
  const anyPort = () => ports[Math.floor(Math.random() * ports.length)] as number
  const issuer = `${new URL(tenant.url).origin}/${tenant.slug}/shop`
  const counts = { turns: 0, byOld: 0, byNew: 0, lastAfterEnd: 0 }
  const wrong: string[] = []
  const ask = (id: string, { secret }: Secret) =>
    askForToken(anyPort(), `${issuer}/oauth2/token`, id, secret).catch((error: Error) => ({
      status: error.message,
    }))

  const byAdministrator = async (client: string, old: Secret): Promise<Turn> => {
    const path = `/workspaces/shop/clients/${client}/credentials/${old.id}`
    // A machine that is busy may not say in time whether it is done.
    const headers = { 'Idempotency-Key': `turn-${old.id}` }
    const rotate = () => tenant.ask(anyPort(), 'post', `${path}/rotate`, { overlap }, headers, 0)
    const made = done(await untilKnown(rotate), 201)
    const { expires_at: end } = done(await tenant.ask(anyPort(), 'get', path))
    return { fresh: { secret: made.secret, id: made.id }, oldEnds: Date.parse(end) }
  }
  const replaceOwn = async (client: string, { secret }: Secret): Promise<Secret> => {
    const form = new URLSearchParams({ client_id: client, client_secret: secret, overlap: String(overlap) })
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const replace = () => send(anyPort(), 'post', `${issuer}/oauth2/credentials`, form.toString(), headers)
    const { status, text } = await untilKnown(replace)
    if (status !== 201) throw new Error(`no replacement: ${status} ${text}`)
    const made = JSON.parse(text) as { client_secret: string; credential_id: string }
    noteSecret('client secret', made.client_secret)
    return { secret: made.client_secret, id: made.credential_id }
  }
  /** The old one ends an overlap after the first use, which comes now. */
  const byItself = async (client: string, old: Secret): Promise<Turn> => {
    const [fresh, others] = await Promise.all([replaceOwn(client, old), replaceOwn(client, old)])
    const oldEnds = Date.now() + overlap * 1000
    for (const one of [fresh, others]) {
      const { status } = await ask(client, one)
      if (status !== 200) wrong.push(`one that replaces ${old.id} was refused: ${status}`)
    }
    // The other process takes this one from now on: without an end, what nobody uses would keep its place.
    const path = `/workspaces/shop/clients/${client}/credentials/${others.id}`
    done(await untilKnown(() => tenant.ask(anyPort(), 'delete', path)), 204)
    return { fresh, oldEnds }
  }

  const oneTurn = async (client: string, old: Secret, rotate: typeof byItself): Promise<Secret> => {
    const state: { end: number; over: boolean } = { end: Infinity, over: false }
    // Its end is known when whoever gave it that has been answered; it may have come meanwhile.
    const refusals: { readonly now: number; readonly status: number | string }[] = []
    const oldPod = async () => {
      while (!state.over) {
        const { status } = await ask(client, old)
        const now = Date.now()
        if (status !== 200) refusals.push({ now, status })
        else if (now < state.end) counts.byOld += 1
        else counts.lastAfterEnd = Math.max(counts.lastAfterEnd, now - state.end)
        await sleep(BETWEEN)
      }
    }
    const running = oldPod()
    await sleep(BETWEEN)
    const { fresh, oldEnds } = await rotate(client, old)
    state.end = oldEnds
    while (Date.now() < oldEnds + SOON_AFTER) {
      const { status } = await ask(client, fresh)
      if (status === 200) counts.byNew += 1
      else wrong.push(`the new secret was refused: ${status}`)
      await sleep(BETWEEN)
    }
    state.over = true
    await running
    for (const { now, status } of refusals)
      if (now < oldEnds)
        wrong.push(`the old secret was refused ${oldEnds - now} ms before its end: ${status}`)
    const last = await ask(client, old)
    if (last.status !== 401) wrong.push(`the old secret works after its end: ${last.status}`)
    counts.turns += 1
    if (counts.turns % 20 === 0) onProgress(`${counts.turns} turns`)
    return fresh
  }

  const ways = [byAdministrator, byItself]
  await inLanes(clients * ways.length, numbers(clients * ways.length), async (number) => {
    const client = `pods-${number}`
    const { secret, credentialId } = await tenant.client('shop', client)
    let current: Secret = { secret, id: credentialId }
    const rotate = ways[number % ways.length] as typeof byItself
    for (const _ of numbers(Math.ceil(turns / clients))) current = await oneTurn(client, current, rotate)
  })
  return { ...counts, wrong: [...new Set(wrong)] }
}

async function untilKnown<Answered extends { readonly status: number }>(
  ask: () => Promise<Answered>,
): Promise<Answered> {
  for (let answer = await ask(); ; answer = await ask()) if (answer.status !== 503) return answer
}
