/** When signing keys take turns: a cron expression in UTC, and a moment after it by chance, so that not all come at once. */
import { Cron } from 'croner'

/** Seconds. */
const SPREAD = 24 * 60 * 60

/** @returns what is wrong with it, to be read after its name; undefined: nothing, or there is none */
export function scheduleFault(schedule: string | undefined): string | undefined {
  if (schedule === undefined) return undefined
  // Five fields: seconds, years and nicknames are ours to leave out.
  if (schedule.length > 100 || schedule.trim().split(/\s+/).length !== 5)
    return 'must be a cron expression of five fields: minute, hour, day, month, weekday'
  try {
    const [first, second] = new Cron(schedule, { timezone: 'UTC', paused: true }).nextRuns(2)
    if (first === undefined || second === undefined) return 'must be a cron expression whose time comes again'
    return second.getTime() - first.getTime() < SPREAD * 1000
      ? 'must leave a day or more between two times'
      : undefined
  } catch {
    return 'must be a cron expression: see crontab(5)'
  }
}

/**
 * @param now seconds since 1970
 * @param random from 0 to 1
 * @returns seconds since 1970; undefined where there is no schedule
 */
export function nextRotation(
  schedule: string | undefined,
  now: number,
  random: () => number = Math.random,
): number | undefined {
  if (schedule === undefined) return undefined
  const next = new Cron(schedule, { timezone: 'UTC', paused: true }).nextRun(new Date(now * 1000))
  return next === null ? undefined : Math.floor(next.getTime() / 1000 + random() * SPREAD)
}
