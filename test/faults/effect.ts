/**
 * When a change is in effect: from before it is made until every node obeys it, each node is asked over and over. What
 * counts is the last request that was sent after the change was acknowledged and still got a token.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { setClientState } from '../../src/changes/client-changes.ts'
import { createSecret, revokeCredential } from '../../src/changes/credential-changes.ts'
import { grantScopes, withdrawScopes } from '../../src/changes/scope-changes.ts'
import type { ClientId, CredentialId } from '../../src/ids.ts'
import type { ScopeToken } from '../../src/oauth/scope.ts'
import { isUnavailable } from '../../src/storage/transaction.ts'
import { EACH_MS, untilServed, watchNode, type AwaitedChange } from './obedience.ts'
import { createCaller, type Caller } from './place/population.ts'
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

const ATTEMPTS = 5
let renewals = 0

/** @returns how the change took effect; what the database did not get round to is tried again */
export async function measureEffect(stage: Stage, index: number, change: Change): Promise<Effect> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryChange(stage, index % stage.subjects.length, change)
    } catch (error) {
      if (!isUnavailable(error) || attempt === ATTEMPTS) throw error
      // Whether it was made is not known: the next attempt is made on a client of whom everything is.
      await renew(stage, index % stage.subjects.length)
    }
  }
}

/** The subject is as before then, but for the secret that a rotation gave it. */
async function tryChange(stage: Stage, index: number, change: Change): Promise<Effect> {
  const subject = stage.subjects[index] as Caller
  await untilServed(stage, subject)
  const state: AwaitedChange = { acknowledged: Infinity, givenUp: false }
  const running = stage.nodes.filter((node) => node.isRunning())
  const watching = Promise.all(running.map((node) => watchNode(stage, node, subject, state)))
  await sleep(5 * EACH_MS)
  const undo = await MAKE[change](stage, index, subject).catch(async (error: unknown) => {
    state.givenUp = true
    await watching
    throw error
  })
  state.acknowledged = performance.now()
  const seen = await watching
  await undo().catch(async (error: unknown) => {
    if (!isUnavailable(error)) throw error
    await renew(stage, index)
  })
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

async function renew(stage: Stage, index: number): Promise<void> {
  const { party } = stage.subjects[index] as Caller
  for (let attempt = 1; ; attempt++) {
    const id = `subject-${++renewals}` as ClientId
    try {
      stage.subjects[index] = await createCaller(stage.needs(party.region), party, id, false)
      return
    } catch (error) {
      if (!isUnavailable(error) || attempt === ATTEMPTS) throw error
    }
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
    return async () => (stage.subjects[index] = { ...subject, ...made })
  },
  async narrow(stage, _index, { party, clientId }) {
    const needs = stage.needs(party.region)
    await withdrawScopes(needs, party.workspace, clientId, ['write' as ScopeToken])
    return () => grantScopes(needs, party.workspace, clientId, ['write'])
  },
}
