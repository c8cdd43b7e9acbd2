/**
 * Makes a change that a request asks for, under its conditions, all in the change's own transaction: `If-Match` (RFC 9110
 * §13.1.1), `Idempotency-Key`, `dry_run`. What it answers to whoever repeats it is kept there as well.
 */
import { createHash } from 'node:crypto'
import type { ChangeEvent } from '../changes/change-event.ts'
import type { ChangeNeeds, Outcome } from '../changes/change.ts'
import { claimRequest, keepAnswer } from '../changes/idempotency.ts'
import type { RequestName } from '../changes/idempotency-store.ts'
import { Problem } from './problem.ts'
import type { ChangePlan, Connection, Shown } from './route.ts'

export type Conditions = {
  /** Of `If-Match`; undefined where it was not sent. */
  readonly ifMatch: readonly string[] | undefined
  readonly dryRun: boolean
  /** With what was asked, for whoever repeats it with another body. */
  readonly repeatable: { readonly name: RequestName; readonly request: readonly string[] } | undefined
}

/** Thrown to undo a transaction whose answer is known. */
class Undone extends Error {
  readonly shown: Shown
  constructor(shown: Shown) {
    super('undone on purpose')
    this.shown = shown
  }
}

/** A backup that lacks what was made lacks nothing that must not live. */
const MAKES = /_(?:created|added|imported)$/

/** Both undefined: nothing was changed, for it was a dry run, or had been done before. */
export type Made = {
  readonly shown: Shown
  readonly feedNumber?: number
  /** What was done; of many things at once, those that end or change something, and that it was done. */
  readonly events?: readonly ChangeEvent[]
}

export async function makeChange<Value extends object>(
  needs: ChangeNeeds,
  { ifMatch, dryRun, repeatable }: Conditions,
  plan: ChangePlan<Value>,
): Promise<Made> {
  const { region, keyring } = needs
  let shown: Shown = {}
  let made: readonly ChangeEvent[] | undefined
  const hooks = {
    async before(connection: Connection) {
      // Before the answer of an earlier time, too: a narrower token is not shown what a wider one was.
      await plan.guard?.(connection)
      if (repeatable !== undefined && !dryRun) {
        const request = [...repeatable.request, ...(plan.asked === undefined ? [] : [plan.asked])]
        const told = await claimRequest(connection, region, keyring, repeatable.name, request)
        if (told.outcome === 'repeated') throw new Undone(again(JSON.parse(told.answer) as Shown))
        if (told.outcome !== 'first') throw repetitionProblem(told.outcome)
      }
      const state = await plan.state?.(connection)
      if (ifMatch !== undefined) requireMatch(ifMatch, state)
    },

    async after(connection: Connection, outcome: Outcome<object>) {
      const { value, event, events = [], unchanged = false, breaks = [] } = outcome
      await plan.afterwards?.(connection)
      if (!unchanged) made = [...events.filter(({ action }) => !MAKES.test(action)), event]
      shown = await plan.show(connection, value as Value)
      if (dryRun) throw new Undone(preview(shown, event, breaks))
      if (repeatable !== undefined) {
        const { holdsSecret = false } = shown
        await keepAnswer(connection, region, keyring, repeatable.name, JSON.stringify(shown), holdsSecret)
      }
    },
  }
  try {
    const { feedNumber } = await plan.make({ ...needs, hooks })
    return { shown, ...(feedNumber !== undefined && { feedNumber }), ...(made && { events: made }) }
  } catch (error) {
    if (error instanceof Undone) return { shown: error.shown }
    throw error
  }
}

/** A strong validator of what is shown (RFC 9110 §8.8.3): the same bytes, the same tag. */
export function entityTag(body: object): string {
  return `"${createHash('sha256').update(JSON.stringify(body)).digest('base64url').slice(0, 27)}"`
}

function requireMatch(ifMatch: readonly string[], state: object | undefined): void {
  if (state === undefined)
    throw new Problem(400, 'no_entity_tag', 'this has no entity tag: leave out If-Match')
  const tag = entityTag(state)
  if (ifMatch.includes('*') || ifMatch.includes(tag)) return
  throw new Problem(
    412,
    'entity_changed',
    'it was changed since you read it: read it again, and look at what differs',
    {
      headers: { ETag: tag },
    },
  )
}

function preview(shown: Shown, event: Outcome<object>['event'], breaks: readonly string[]): Shown {
  const { action, subject, details = {} } = event
  // What was made is gone again: a secret of it would be one that never works.
  const result = shown.holdsSecret === true || shown.body === undefined ? {} : { result: shown.body }
  return { status: 200, body: { dry_run: true, action, subject, details, breaks, ...result } }
}

function again(shown: Shown): Shown {
  return { ...shown, headers: { ...shown.headers, 'Idempotency-Replayed': 'true' } }
}

function repetitionProblem(outcome: 'another_request' | 'answer_gone'): Problem {
  return outcome === 'another_request'
    ? new Problem(
        422,
        'idempotency_key_reused',
        'this Idempotency-Key was used for another request: take a new one',
      )
    : new Problem(
        409,
        'answer_gone',
        'this was done, and its answer held a secret that is not kept any more: make another secret',
      )
}
