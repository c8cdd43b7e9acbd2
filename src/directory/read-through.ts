/**
 * Reads from a database what goes into memory. A load never crosses a change: its number and its rows are of one moment,
 * and what turns out older than a change that was read meanwhile is read again, from the primary. A
 * replica that is behind what this node has read already is not believed.
 */
import { OAuthError } from '../oauth/error.ts'
import { isNotAsked } from '../storage/breaker.ts'
import { isUnavailable, type Database } from '../storage/transaction.ts'
import type { Found, Reading } from './found.ts'

type Needs = {
  readonly primary: Database
  /** May lag behind. */
  readonly replica: Database | undefined
  /** How far this node has read the feed. */
  readonly feedNumber: () => number
  /** Differs before and after memory was emptied. */
  readonly generation: () => number
  /** Milliseconds. */
  readonly monotonic: () => number
  /** Told that the primary knows less than this node: the feed should be read now. */
  readonly onRegress: () => void
}

export type ReadThrough = ReturnType<typeof readThrough>

const MAX_ATTEMPTS = 5

export function readThrough({ primary, replica, feedNumber, generation, monotonic, onRegress }: Needs) {
  const ask = async <Value>(
    question: (database: Database) => Promise<Reading<Value>>,
    known: number,
    mayAskReplica: boolean,
  ) => {
    if (mayAskReplica && replica !== undefined) {
      // Nor is it believed that a row cannot be used: it may be of before somebody mended it, or sealed it anew.
      const reading = await question(replica).catch(() => undefined)
      if (reading !== undefined && reading.number >= known) return { reading, fromPrimary: false }
    }
    return { reading: await question(primary), fromPrimary: true }
  }

  /**
   * @param keep remembers the value; false when a change has been read that it lacks
   * @throws OAuthError 503 while the database cannot be asked
   */
  return async function read<Value>(
    question: (database: Database) => Promise<Reading<Value>>,
    keep: (reading: Reading<Value>) => boolean,
    fromPrimaryOnly = false,
  ): Promise<Omit<Found<Value>, 'value'> & { readonly value: Value }> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const before = generation()
      const known = feedNumber()
      const asOf = monotonic()
      const mayAskReplica = attempt === 1 && !fromPrimaryOnly
      const { reading, fromPrimary } = await asked(() => ask(question, known, mayAskReplica))
      if (reading.number < known) onRegress()
      else if (generation() === before && keep(reading)) return { value: reading.value, asOf, fromPrimary }
      if (attempt > 1) await new Promise((resolve) => setTimeout(resolve, 2 ** attempt * 5))
    }
    throw unavailable(new Error('what was read was older than the changes that were read, again and again'))
  }
}

/** What the database cannot be asked is not denied: the client may ask again (503), and is never told it is wrong. */
async function asked<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await question()
  } catch (cause) {
    throw isUnavailable(cause) ? unavailable(cause) : cause
  }
}

function unavailable(cause: unknown): OAuthError {
  return new OAuthError('temporarily_unavailable', 'database_unavailable', 'try again in a few seconds', {
    headers: { 'Retry-After': '5' },
    // Whoever is refused while the database is given up tells nothing new: it was said once, with its cause.
    ...(!isNotAsked(cause) && { cause }),
  })
}
