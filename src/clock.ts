/** Time as a need: whoever must know the time is given a clock, so that tests can hold it still. */

export type Clock = {
  /** Seconds since 1970 in UTC, a whole number: RFC 7519 §2 NumericDate. */
  now(): number
}

export const systemClock: Clock = { now: () => Math.floor(Date.now() / 1000) }
