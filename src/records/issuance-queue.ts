/**
 * Batches of the issuance log on their way: one collects, full ones wait behind it, one is being written. Bounded in rows.
 * Knows neither time nor database.
 */
import type { OAuthError } from '../oauth/error.ts'
import { issuanceBatch, type IssuanceBatch, type IssuedToken } from './issuance-batch.ts'

/** What waits for a batch to be written, where somebody does. */
type Settlement = {
  readonly settled: Promise<void>
  /** Fulfils without an error, rejects with one. */
  settle(error?: OAuthError): void
}

export type QueuedBatch = {
  readonly rows: IssuanceBatch
  /** Whether it was tried before, and may have been written. */
  again: boolean
  settlement: Settlement | undefined
}

export type IssuanceQueue = ReturnType<typeof issuanceQueue>

/** Emptied batches that are kept for use. */
const SPARE = 4

/** @param batchRows rows of a batch; @param maxRows rows that wait, those that are being written not among them */
export function issuanceQueue(batchRows: number, maxRows: number) {
  const waiting: QueuedBatch[] = []
  const spare: IssuanceBatch[] = []
  let collecting = fresh()
  let rows = 0

  function fresh(): QueuedBatch {
    return { rows: spare.pop() ?? issuanceBatch(batchRows), again: false, settlement: undefined }
  }

  return {
    rows: () => rows,
    batches: () => waiting.length + (collecting.rows.length() > 0 ? 1 : 0),

    /** @returns the batch that took it; undefined: there was no room */
    add(token: IssuedToken, at: number): QueuedBatch | undefined {
      if (rows >= maxRows) return undefined
      if (collecting.rows.isFull()) {
        waiting.push(collecting)
        collecting = fresh()
      }
      collecting.rows.add(token, at)
      rows += 1
      return collecting
    },

    /** The oldest; undefined when nothing waits. */
    take(): QueuedBatch | undefined {
      let batch = waiting.shift()
      if (batch === undefined) {
        if (collecting.rows.length() === 0) return undefined
        batch = collecting
        collecting = fresh()
      }
      rows -= batch.rows.length()
      return batch
    },

    /** It was not written, and is the oldest still. */
    putBack(batch: QueuedBatch): void {
      batch.again = true
      waiting.unshift(batch)
      rows += batch.rows.length()
    },

    /** Nobody needs it any more. */
    release(batch: QueuedBatch): void {
      batch.rows.clear()
      if (spare.length < SPARE) spare.push(batch.rows)
    },
  }
}

/** One promise for all rows of a batch. */
export function settlementOf(batch: QueuedBatch): Promise<void> {
  if (batch.settlement === undefined) {
    let settle: Settlement['settle'] | undefined
    const settled = new Promise<void>((resolve, reject) => {
      settle = (error) => (error === undefined ? resolve() : reject(error))
    })
    // Whoever waited may be gone.
    settled.catch(() => {})
    batch.settlement = { settled, settle: (error) => settle?.(error) }
  }
  return batch.settlement.settled
}
