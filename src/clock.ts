/** Time as a need: whoever must know the time is given a clock, so that tests can hold it still. */

export type Clock = {
  /** Seconds since 1970 in UTC, a whole number: RFC 7519 §2 NumericDate. */
  now(): number
}

/**
 * Never runs backwards, so that no token says it was issued before one that was: a clock that is set back stands still
 * until it is right again.
 * @param read milliseconds since 1970, of a clock that may be set
 */
export function steadyClock(read: () => number = Date.now): Clock {
  let latest = Number.NEGATIVE_INFINITY
  return {
    now() {
      latest = Math.max(latest, Math.floor(read() / 1000))
      return latest
    },
  }
}

/** Milliseconds of a clock that nobody sets, the same in all processes of this machine; means nothing by itself. */
export const monotonic = () => OFFSET + performance.now()

const OFFSET = Number(process.hrtime.bigint()) / 1e6 - performance.now()
