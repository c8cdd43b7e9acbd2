/**
 * Looks after the issuance log of a database: makes days ahead, takes off and drops those that are over, and forgets counts
 * that nobody asks for. Each step is a transaction of its own; harmless when several nodes do it at once.
 */
import type { Database } from '../storage/transaction.ts'
import { issuanceStore } from './issuance-store.ts'
import { useStore } from './use-store.ts'

export type Tended = {
  /** Rows that lie in no day: nobody made days ahead for a week, or a clock is wrong. */
  readonly strays: number
  readonly detached: number
  readonly dropped: number
}

/** Days that daily counts of clients are kept: a year and a month to compare with. */
const KEEP_COUNTS = 400
const ATTEMPTS = 5

/** @param keepDays days of the log, today not among them */
export async function tendIssuance(database: Database, keepDays: number): Promise<Tended> {
  let strays = 0
  // Bounded: what is left is done the next time.
  for (let attempt = 0, more = true; more && attempt < 100; attempt++) {
    const attached = await database.asOperator((connection) => issuanceStore(connection).attachDays())
    strays = attached.strays
    more = attached.more
  }
  const detached = await detach(database, keepDays)
  const dropped = await database.asOperator((connection) => issuanceStore(connection).dropDays(keepDays))
  await database.asOperator((connection) => useStore(connection).deleteCountsBefore(KEEP_COUNTS))
  return { strays, detached, dropped }
}

/** It asks for a moment in which nobody writes, and gives up at once, so that writers go on: some attempts find one. */
async function detach(database: Database, keepDays: number): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const days = await database.asOperator((connection) => issuanceStore(connection).detachDays(keepDays))
    if (days !== undefined || attempt === ATTEMPTS) return days ?? 0
    await new Promise((resolve) => setTimeout(resolve, 500 * Math.random()))
  }
}
