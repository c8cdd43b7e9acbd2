/** Whether a node obeys a change: it is asked over and over, by a client whom the change concerns. */
import { setTimeout as sleep } from 'node:timers/promises'
import { POSTPONED, type Ask } from './load/check-token.ts'
import type { Caller } from './place/population.ts'
import type { Node } from './place/node.ts'
import type { Stage } from './stage.ts'

const DEADLINE_MS = 30_000
/** Between two requests to a node. */
export const EACH_MS = 15
/** Milliseconds without a token, three readings of the feed, until a node that refuses is believed. */
const STEADY_MS = 1500
const WRITE: Ask = { parameter: 'scope', value: 'write' }
const UNDONE_MS = 30_000

/** A change that somebody waits for. */
export type AwaitedChange = {
  /** When, by `performance.now()`; infinite before. */
  acknowledged: number
  /** It will not be made: there is nothing to wait for. */
  givenUp: boolean
}

/** Asks until the node obeys, or for half a minute. */
export async function watchNode(stage: Stage, node: Node, subject: Caller, change: AwaitedChange) {
  const seen = { last: 0, after: 0, readings: 0, asked: 0, cameBack: 0, deaf: 0, wrong: 0 }
  const acknowledged = () => change.acknowledged
  let refusedAt: number | undefined
  const feed = countReadings(() => node.feedReadAt(subject.party.region), acknowledged)
  for (const start = performance.now(); !change.givenUp; await sleep(EACH_MS)) {
    if (acknowledged() < Infinity && refusedAt === undefined) await feed.look()
    const sentAt = performance.now()
    if (sentAt - Math.max(refusedAt ?? Infinity, acknowledged()) > STEADY_MS) break
    if (sentAt - Math.min(acknowledged(), start + DEADLINE_MS) > DEADLINE_MS) {
      seen.deaf = 1
      break
    }
    const answer = await stage.load
      .doorOf(node)
      .token(subject, WRITE)
      .catch(() => undefined)
    seen.asked += 1
    if (answer?.status === 200) {
      const verdict = await stage.load.checker.check(subject, WRITE, answer.body)
      if (verdict !== undefined && verdict !== POSTPONED) seen.wrong += 1
      if (refusedAt !== undefined && sentAt > acknowledged()) seen.cameBack = 1
      refusedAt = undefined
      if (sentAt > acknowledged()) {
        seen.last = sentAt - acknowledged()
        seen.after += 1
        seen.readings = feed.count()
      }
    } else if (answer?.status === 429 || /"invalid_(?:client|scope)"/.test(answer?.body ?? '')) {
      // In effect, perhaps before it was acknowledged; failing attempts beyond a limit are told 429.
      refusedAt ??= sentAt
    } else if (answer !== undefined && answer.status !== 503) seen.wrong += 1
  }
  return seen
}

/** Counts a node's readings of the feed that surely began after that moment; never too many. */
export function countReadings(
  readAt: () => Promise<readonly [number, number] | undefined>,
  since: () => number,
) {
  let count = 0
  let newest = -Infinity
  return {
    count: () => count,
    async look() {
      const [earliest, latest] = (await readAt()) ?? [-Infinity, -Infinity]
      if (earliest <= Math.max(since(), newest)) return
      count += 1
      newest = latest
    },
  }
}

/** What was changed last may still be on its way: nothing is measured before every node serves the subject. */
export async function untilServed(stage: Stage, subject: Caller): Promise<void> {
  for (const node of stage.nodes.filter((one) => one.isRunning())) {
    for (const end = performance.now() + UNDONE_MS; ; await sleep(EACH_MS)) {
      const answer = await stage.load
        .doorOf(node)
        .token(subject, WRITE)
        .catch(() => undefined)
      if (answer?.status === 200) break
      if (performance.now() > end)
        throw new Error(`${node.name} does not serve a client that it should (${answer?.body})`)
    }
  }
}
