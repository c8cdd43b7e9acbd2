/**
 * Token load on all nodes at once: each connection sends its next request when the one before it was answered, held back
 * to a rate where one is given. A node is avoided for a moment after its own failure, or, behind a balancer, while it
 * says that it is not ready; what failed at one node is asked of another, once.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Node } from '../place/node.ts'
import type { Caller, Population } from '../place/population.ts'
import { openDoor, reasonOf, type Answer, type Door } from './ask.ts'
import { POSTPONED, tokenChecker, type Ask } from './check-token.ts'
import { keySets, type JwkSet } from './key-sets.ts'
import { openTally, type Tally } from './tally.ts'
import { tokenIds } from './token-ids.ts'

export type Load = ReturnType<typeof startLoad>

type Settings = {
  readonly nodes: readonly Node[]
  readonly population: Population
  readonly connections: number
  /** Requests a second, all nodes together; 0: as fast as they answer. */
  readonly rate: number
}
type Way = { readonly node: Node; readonly door: Door; avoidedUntil: number; ready: boolean; turn: number }
type Outcome = 'issued' | 'wrong' | 'refused' | 'failed'

const AVOIDED_MS = 200
const READINESS_MS = 100
const DOCUMENT_EVERY = 40
const ASKS: readonly Pick<Ask, 'parameter' | 'value'>[] = [
  { parameter: 'scope', value: 'read' },
  { parameter: 'resource', value: '' },
  { parameter: 'scope', value: 'read write' },
]

export function startLoad({ nodes, population, connections, rate }: Settings) {
  const { callers, parties } = population
  const ways = nodes.map((node, index): Way => ({
    node,
    door: openDoor(node.port),
    avoidedUntil: 0,
    ready: true,
    turn: index * 7,
  }))
  const byIssuer = new Map(parties.map((party) => [party.workspace.issuer as string, party]))
  const keys = keySets(fetchSet)
  const ids = tokenIds()
  const checker = tokenChecker({ keys, ids })
  const names = nodes.map(({ name }) => name)
  let tally = openTally(names)
  const state = { running: true }
  let balanced = false
  let nextAt = 0

  async function fetchSet(issuer: string): Promise<JwkSet | undefined> {
    const party = byIssuer.get(issuer)
    if (party === undefined) throw new Error(`nobody has the issuer ${issuer}`)
    for (const { door, node } of ways) {
      if (!node.isRunning()) continue
      const answer = await door.keySet(party).catch(() => undefined)
      if (answer?.status === 200) return JSON.parse(answer.body) as JwkSet
    }
    return undefined
  }

  const attempt = async (way: Way, caller: Caller, ask: Ask): Promise<Outcome> => {
    let answer: Answer
    try {
      answer = await way.door.token(caller, ask)
    } catch (error) {
      way.avoidedUntil = performance.now() + AVOIDED_MS
      tally.failed(reasonOf(error))
      return 'failed'
    }
    const { status, body, retryAfter } = answer
    if (status === 503 && retryAfter !== undefined) {
      tally.failed('503')
      return 'failed'
    }
    if (status !== 200) {
      tally.refused(`${status} ${/"error":"(\w+)"/.exec(body)?.[1] ?? ''}`.trim())
      return 'refused'
    }
    const verdict = await checker.check(caller, ask, body)
    if (verdict !== undefined && verdict !== POSTPONED) {
      tally.wrong(verdict)
      return 'wrong'
    }
    tally.issued(way.node.name)
    return 'issued'
  }

  const document = async (way: Way, { party }: Caller) => {
    const answer = await way.door.keySet(party).catch(() => undefined)
    tally.document(answer?.status === 200)
    if (answer?.status === 200 && !keys.take(party.workspace.issuer, JSON.parse(answer.body) as JwkSet))
      tally.wrong('a JWKS lacks a key that signs')
  }

  const isOpen = (way: Way) => (balanced ? way.ready : performance.now() >= way.avoidedUntil)

  /** The way itself while it is open, else the next one that is; none is worse than a closed one. */
  const openWay = (first: number): Way => {
    const order = ways.map((_, offset) => ways[(first + offset) % ways.length] as Way)
    return order.find(isOpen) ?? (order[0] as Way)
  }

  const next = (way: Way): { caller: Caller; ask: Ask } => {
    const turn = way.turn++
    const caller = callers[turn % callers.length] as Caller
    const ask = ASKS[turn % ASKS.length] as Ask
    return {
      caller,
      ask: ask.parameter === 'scope' ? ask : { parameter: 'resource', value: caller.party.own },
    }
  }

  const worker = async (home: number) => {
    while (state.running) {
      if (rate > 0) {
        const now = performance.now()
        nextAt = Math.max(now, nextAt) + 1000 / rate
        if (nextAt > now) await sleep(nextAt - now)
      }
      const way = openWay(home)
      const { caller, ask } = next(ways[home] as Way)
      if ((ways[home] as Way).turn % DOCUMENT_EVERY === 0) await document(way, caller)
      if ((await attempt(way, caller, ask)) !== 'failed') continue
      const other = openWay((ways.indexOf(way) + 1) % ways.length)
      if (other === way || (await attempt(other, caller, ask)) === 'failed') {
        tally.lost()
        await sleep(20)
      }
    }
  }
  const workers = ways.flatMap((_, home) => Array.from({ length: connections }, () => worker(home)))

  const watchReadiness = async () => {
    while (state.running) {
      if (balanced) await Promise.all(ways.map(async (way) => (way.ready = await way.node.isReady())))
      await sleep(READINESS_MS)
    }
  }
  const watching = watchReadiness()

  return {
    checker,
    keys,
    /** Tokens seen so far, each with an id of its own. */
    distinctTokens: ids.count,
    doorOf: (node: Node) => (ways.find((way) => way.node === node) as Way).door,

    /** What came of the requests since the last call. */
    async takeTally(): Promise<Tally> {
      for (const reason of await checker.settle()) tally.wrong(reason)
      const done = tally.close()
      tally = openTally(names)
      return done
    },

    /** Whether nodes are chosen as a balancer does, by their readiness. */
    async beBalanced(on: boolean) {
      for (const way of ways) way.ready = !on || (await way.node.isReady())
      balanced = on
    },

    /** One token for each of these callers, from each running node. @returns how many were not issued */
    async sweep(some: readonly Caller[] = callers): Promise<number> {
      let missing = 0
      const ask: Ask = { parameter: 'scope', value: 'read' }
      const sweepOne = async (way: Way) => {
        for (const caller of some) if ((await attempt(way, caller, ask)) !== 'issued') missing += 1
      }
      await Promise.all(ways.filter(({ node }) => node.isRunning()).map(sweepOne))
      return missing
    },

    async stop() {
      state.running = false
      await Promise.all([...workers, watching])
      for (const { door } of ways) door.close()
    },
  }
}
