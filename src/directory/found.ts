/** What was found, and how much its absence means. Types only. */

export type Found<Value> = {
  readonly value: Value | undefined
  /** When the reading began, in milliseconds of the monotonic clock: what changed later may be missing. */
  readonly asOf: number
  /** Asked of the database that knows everything first, not of memory or a replica. */
  readonly fromPrimary: boolean
}

/** What a database answered, with the number that the feed had before. */
export type Reading<Value> = { readonly number: number; readonly value: Value }
