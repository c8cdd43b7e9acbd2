/**
 * Values over time, with the moments between which each change happened. Moments are counted, not measured: a question that
 * begins after a change has ended must see it, and one that runs beside it may.
 */

export type Moment = number

/** Each call is later than the one before. */
export function moments(): () => Moment {
  let latest = 0
  return () => (latest += 1)
}

export type Span = { readonly from: Moment; readonly to: Moment }
type Version<Value> = { value: Value; readonly begun: Moment; ended: Moment }

export type History<Value> = ReturnType<typeof history<Value>>

export function history<Value>(tick: () => Moment, first: Value) {
  let versions: Version<Value>[] = [{ value: first, begun: 0, ended: 0 }]
  let settled = first

  /** Those that had begun by the end of a span, and were not followed by another one that had ended by `gone`. */
  const standing = (gone: Moment, to: Moment) =>
    versions
      .filter(
        ({ begun }, index) => begun <= to && (versions[index + 1]?.ended ?? Number.POSITIVE_INFINITY) > gone,
      )
      .map(({ value }) => value)

  return {
    /** As of the last change that has ended. */
    now: () => settled,

    /** One at a time. @param work makes the change in the database, and says what holds afterwards */
    async change(work: () => Promise<Value>): Promise<void> {
      const version: Version<Value> = { value: settled, begun: tick(), ended: Number.POSITIVE_INFINITY }
      versions.push(version)
      version.value = await work()
      version.ended = tick()
      settled = version.value
    },

    /** What the database may have said in a span. */
    during: ({ from, to }: Span): readonly Value[] => standing(from, to),

    /** What a node may go on by, too, that has read all that had ended by `read`. */
    since: (read: Moment, { to }: Span): readonly Value[] => standing(read, to),

    /** Nobody asks any more for what had been followed by `read`. */
    forget(read: Moment): void {
      const oldest = versions.findIndex(
        (_, index) => (versions[index + 1]?.ended ?? Number.POSITIVE_INFINITY) > read,
      )
      versions = versions.slice(oldest)
    },
  }
}
