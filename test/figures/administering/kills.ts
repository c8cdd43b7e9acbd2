/**
 * Kills a server with SIGKILL while administrators write, again and again. What got no answer is repeated with the same
 * Idempotency-Key, in turns at another server and at the one that is started in its place, until it is acknowledged. In the
 * end each acknowledged change is there, and in the audit trail, once.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Node } from '../site.ts'
import { forgetPort, inLanes, numbers, type Answer } from './administrators.ts'
import { compare, tryTokens, type Written } from './ledger.ts'
import { done, openPlace, type Place, type Tenant } from './place.ts'

type Options = {
  readonly kills: number
  /** Writers at a time. */
  readonly lanes: number
  /** Changes of one tenant come one after the other; those of several are under way at once. */
  readonly tenants: number
  readonly onProgress?: (line: string) => void
}

export type Killed = {
  readonly kills: number
  readonly acknowledged: number
  /** Requests that were on their way when a server was killed. */
  readonly cutOff: number
  /** Of these, what had been done all the same. */
  readonly wasDone: number
  readonly secretsTried: number
  readonly wrong: readonly string[]
}

const CLIENTS = '/workspaces/shop/clients'
/** A kill comes after so many answers, at most, and so many milliseconds: by chance. */
const WRITES = 30
const MOMENT_MS = 10
const PATIENCE_MS = 60_000

/** What it had in its trail before. */
type Writing = { readonly tenant: Tenant; readonly before: number }

/** For administration to write much at once. */
export const MUCH_AT_ONCE = { REGENT_DB_POOL: '12' }

export async function killInMidWrite({ tenants: count, ...options }: Options): Promise<Killed> {
  const place = await openPlace({ nodes: 1, environment: MUCH_AT_ONCE })
  try {
    const tenants: Tenant[] = []
    for (const number of numbers(count)) {
      const tenant = await place.tenant(`killed-${number}`, 4)
      await tenant.workspace('shop')
      tenants.push(tenant)
    }
    return await kill(place, tenants, options)
  } finally {
    await place.close()
  }
}

/** @param tenants each with a workspace `shop`, in which nobody else makes clients */
export async function kill(
  { site, nodes: [witness] }: Pick<Place, 'site' | 'nodes'>,
  tenants: readonly Tenant[],
  { kills, lanes, onProgress = () => {} }: Omit<Options, 'tenants'>,
): Promise<Killed> {
  if (witness === undefined) throw new Error('nobody is there to take what is repeated')
  const writings: Writing[] = []
  for (const tenant of tenants) writings.push({ tenant, before: (await tenant.events()).length })
  const counts = { acknowledged: 0, cutOff: 0, wasDone: 0 }
  const written: Written[] = []
  const wrong: string[] = []
  let victim: Node = await site.startNode()
  const state = { killed: false, answered: 0 }
  /** Where what got no answer is repeated: known when it is there. */
  let repeatAt: Promise<number> = Promise.resolve(witness.port)

  /** Sends it until it is answered. @param known what of an answer says that it had been done before */
  const acknowledge = async (
    ask: (port: number) => Promise<Answer>,
    known: (answer: Answer) => boolean = ({ headers }) => headers['idempotency-replayed'] === 'true',
  ): Promise<Answer> => {
    if (!state.killed) {
      const first = await ask(victim.port).catch(() => undefined)
      if (first !== undefined) {
        counts.acknowledged += 1
        state.answered += 1
        return first
      }
      if (!state.killed) wrong.push('a server that was not killed gave no answer')
      counts.cutOff += 1
    }
    for (const end = performance.now() + PATIENCE_MS; performance.now() < end; await sleep(20)) {
      const answer = await ask(await repeatAt).catch(() => undefined)
      if (answer === undefined || answer.status === 503) continue
      if (known(answer)) counts.wasDone += 1
      counts.acknowledged += 1
      return answer
    }
    throw new Error('it was never acknowledged')
  }

  let next = 0
  const writeOne = async (tenant: Tenant): Promise<void> => {
    const by = (next += 1)
    const id = `robot-${by}`
    const post = (path: string, body: object) =>
      acknowledge((port) => tenant.ask(port, 'post', path, body, { 'Idempotency-Key': `${id}${path}` }, by))
    done(await post(CLIENTS, { id, name: id, scopes: ['read'] }), 201)
    const made = done(await post(`${CLIENTS}/${id}/credentials`, { label: id }), 201)
    const granted = await post(`${CLIENTS}/${id}/scopes`, { scopes: ['write'] })
    if (done(granted).scopes.length !== 2) wrong.push(`${id} lost a scope`)
    // No POST: that it was done shows when its condition does not hold any more.
    const changed = await acknowledge(
      (port) => {
        const headers = { 'If-Match': String(granted.headers.etag) }
        return tenant.ask(port, 'patch', `${CLIENTS}/${id}`, { tokens_per_minute: by }, headers, by)
      },
      ({ status }) => status === 412,
    )
    if (changed.status !== 412) done(changed)
    written.push({ tenant, id, secret: made.secret, credentialId: made.id })
  }

  for (let count = 1; count <= kills; count += 1) {
    state.killed = false
    const dying = victim
    const writing = inLanes(lanes, numbers(lanes), async (lane) => {
      while (!state.killed) await writeOne(tenants[lane % tenants.length] as Tenant)
    })
    state.answered = -1 - Math.floor(Math.random() * WRITES)
    for (const end = performance.now() + PATIENCE_MS; state.answered < 0; await sleep(1))
      if (performance.now() > end) throw new Error('a server answers nobody')
    await sleep(Math.random() * MOMENT_MS)
    dying.kill('SIGKILL')
    state.killed = true
    forgetPortLater(dying)
    const restarted = site.startNode()
    repeatAt = count % 2 === 0 ? Promise.resolve(witness.port) : restarted.then(({ port }) => port)
    await writing
    victim = await restarted
    if (count % 10 === 0) onProgress(`${count} kills, ${counts.acknowledged} acknowledged`)
  }

  for (const { tenant, before } of writings) {
    const own = written.filter((one) => one.tenant === tenant)
    wrong.push(...(await compare(tenant, victim.port, own, before)), ...(await tryTokens(witness.port, own)))
  }
  return { kills, ...counts, secretsTried: written.length, wrong }
}

/** Whoever still waits for an answer of it has none when it has ended. */
function forgetPortLater({ ended, port }: Node): void {
  void ended.then(() => forgetPort(port))
}
