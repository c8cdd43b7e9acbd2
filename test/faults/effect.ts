/**
 * When a change is in effect: from before it is made until every node obeys it, each node is asked over and over. What
 * counts is the last request that was sent after the change was acknowledged and still got a token.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { setClientState } from '../../src/changes/client-changes.ts'
import { createSecret, revokeCredential } from '../../src/changes/credential-changes.ts'
import { grantScopes, withdrawScopes } from '../../src/changes/scope-changes.ts'
import type { CredentialId } from '../../src/ids.ts'
import type { ScopeToken } from '../../src/oauth/scope.ts'
import { POSTPONED, type Ask } from './load/check-token.ts'
import type { Caller } from './place/population.ts'
import type { Node } from './place/node.ts'
import type { Stage } from './stage.ts'

export type Effect = {
  /** Milliseconds after the acknowledgement that the last token was asked for; 0: none was. */
  readonly lastToken: number
  readonly tokensAfter: number
  /** Whole readings of the feed, begun after the acknowledgement, that a node had done when it was asked for that token. */
  readonly readings: number
  /** Requests. */
  readonly asked: number
  /** Nodes that obeyed and then did not. */
  readonly cameBack: number
  /** Nodes that never obeyed. */
  readonly deaf: number
  /** Tokens that were not what was asked for, and answers that nobody expected. */
  readonly wrong: number
}

export type Change = 'disable' | 'rotate' | 'narrow'
export const CHANGES: readonly Change[] = ['disable', 'rotate', 'narrow']

const DEADLINE_MS = 30_000
const EACH_MS = 15
/** Milliseconds without a token, three readings of the feed, until a node that refuses is believed. */
const STEADY_MS = 1500
const WRITE: Ask = { parameter: 'scope', value: 'write' }
const UNDONE_MS = 30_000

/** @returns how the change took effect; the subject is as before, but for the secret that a rotation gave it */
export async function measureEffect(stage: Stage, index: number, change: Change): Promise<Effect> {
  const subject = stage.subjects[index % stage.subjects.length] as Caller
  await untilServed(stage, subject)
  let acknowledged = Infinity
  const watching = Promise.all(
    stage.nodes
      .filter((node) => node.isRunning())
      .map((node) => watch(stage, node, subject, () => acknowledged)),
  )
  await sleep(5 * EACH_MS)
  const undo = await MAKE[change](stage, index, subject)
  acknowledged = performance.now()
  const seen = await watching
  await undo()
  const sum = (which: 'after' | 'asked' | 'cameBack' | 'deaf' | 'wrong') =>
    seen.reduce((all, node) => all + node[which], 0)
  return {
    lastToken: Math.round(Math.max(...seen.map(({ last }) => last))),
    tokensAfter: sum('after'),
    readings: Math.max(...seen.map(({ readings }) => readings)),
    asked: sum('asked'),
    cameBack: sum('cameBack'),
    deaf: sum('deaf'),
    wrong: sum('wrong'),
  }
}

/**
 * What must never come of changes. One reading of the feed may be under way at the acknowledgement; the next one tells the
 * node, and a token that was asked for after that one is a token too many.
 */
export function disobedience(effects: readonly Effect[]): Readonly<Record<string, number>> {
  const sum = (which: 'deaf' | 'cameBack' | 'wrong') =>
    effects.reduce((all, effect) => all + effect[which], 0)
  return {
    'nodes that did not obey': sum('deaf'),
    'nodes that obeyed and then did not': sum('cameBack'),
    'wrong answers': sum('wrong'),
    'changes that took more than two readings of the feed': effects.filter(({ readings }) => readings > 0)
      .length,
  }
}

type Maker = (stage: Stage, index: number, subject: Caller) => Promise<() => Promise<unknown>>

/** Each makes a change, and returns what takes it back. */
const MAKE: Readonly<Record<Change, Maker>> = {
  async disable(stage, _index, { party, clientId }) {
    const needs = stage.needs(party.region)
    await setClientState(needs, party.workspace, clientId, 'disabled')
    return () => setClientState(needs, party.workspace, clientId, 'enabled')
  },
  async rotate(stage, index, subject) {
    const { party, clientId, credentialId } = subject
    const needs = stage.needs(party.region)
    const made = await createSecret(needs, party.workspace, clientId)
    await revokeCredential(needs, party.workspace, clientId, credentialId as CredentialId)
    return async () => (stage.subjects[index % stage.subjects.length] = { ...subject, ...made })
  },
  async narrow(stage, _index, { party, clientId }) {
    const needs = stage.needs(party.region)
    await withdrawScopes(needs, party.workspace, clientId, ['write' as ScopeToken])
    return () => grantScopes(needs, party.workspace, clientId, ['write'])
  },
}

async function watch(stage: Stage, node: Node, subject: Caller, acknowledged: () => number) {
  const seen = { last: 0, after: 0, readings: 0, asked: 0, cameBack: 0, deaf: 0, wrong: 0 }
  let refusedAt: number | undefined
  const feed = countReadings(() => node.feedReadAt(subject.party.region), acknowledged)
  for (const start = performance.now(); ; await sleep(EACH_MS)) {
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
async function untilServed(stage: Stage, subject: Caller): Promise<void> {
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
