/** Time as a need: whoever must know the time is given a clock, so that tests can hold it still. */

export type Clock = {
  /** Seconds since 1970 in UTC, a whole number: RFC 7519 §2 NumericDate. */
  now(): number
  /**
   * Somebody compared the wall clock with one that is believed, and found it right.
   * @param offset milliseconds by which the wall clock was ahead of the monotonic one when they were compared
   */
  confirm?(offset: number): void
}

/** Milliseconds of a clock that nobody sets, the same in all processes of this machine; means nothing by itself. */
export const monotonic = () => OFFSET + performance.now()

const OFFSET = Number(process.hrtime.bigint()) / 1e6 - performance.now()

/**
 * The clock that tokens are issued by. Between two confirmations it goes on by the monotonic clock: whatever is done to the
 * wall clock meanwhile, no token says so, and nothing is remembered of a time that was wrong. Never runs backwards, so that
 * no token says it was issued before one that was: where it was ahead, it stands still until it is right again.
 * @param wall milliseconds since 1970, of a clock that may be set
 * @param steady milliseconds of one that is not
 */
export function steadyClock(wall: () => number = Date.now, steady: () => number = monotonic): Clock {
  let confirmed: number | undefined
  let latest = Number.NEGATIVE_INFINITY
  return {
    now() {
      // No token is issued before the first confirmation: what was said then binds nobody.
      if (confirmed === undefined) return Math.floor(wall() / 1000)
      latest = Math.max(latest, Math.floor((confirmed + steady()) / 1000))
      return latest
    },
    confirm(offset) {
      confirmed = offset
    },
  }
}

/** Milliseconds of the event loop that long work takes in one go. */
const SLICE = 8

/**
 * For work of many small parts: to be awaited after each. Whoever else wants the event loop has it now and then.
 * @param steady milliseconds of a clock that nobody sets
 */
export function slices(steady: () => number = monotonic): () => Promise<void> | undefined {
  let begun = steady()
  return () => {
    if (steady() - begun < SLICE) return undefined
    return new Promise((resolve) =>
      setImmediate(() => {
        begun = steady()
        resolve()
      }),
    )
  }
}
