/**
 * What texts and times must be before a change begins. The tables hold to the same bounds; asked here, a fault is the
 * caller's, by the name of its field.
 */
import { ChangeRefusal } from './refusal.ts'

// 9999-12-31T23:59:59Z: also finds milliseconds that were taken for seconds.
const LAST_SECOND = 253_402_300_799
// PostgreSQL keeps neither the zero character nor half a surrogate pair.
const KEEPABLE = /^[^\0\p{Cs}]*$/u

/** Whether a database can hold it as it is. */
export function isKeepable(text: string): boolean {
  return KEEPABLE.test(text)
}

/** @param least number of characters, as are `most` */
export function requireText(field: string, text: string, least: number, most: number): void {
  const { length } = Array.from(text)
  if (length < least || length > most || !KEEPABLE.test(text)) {
    throw new ChangeRefusal(field, 'text_syntax', `${field} must be text of ${least} to ${most} characters`)
  }
}

/** @param seconds since 1970; undefined where there is no such bound */
export function requirePeriod(notBefore: number | undefined, expiresAt: number | undefined): void {
  for (const [field, seconds = 0] of Object.entries({ notBefore, expiresAt })) {
    if (!Number.isInteger(seconds) || seconds < 0 || seconds > LAST_SECOND) {
      throw new ChangeRefusal(
        field,
        'out_of_bounds',
        `${field} must be a whole number of seconds since 1970 from 0 to ${LAST_SECOND}`,
      )
    }
  }
  if (notBefore !== undefined && expiresAt !== undefined && expiresAt <= notBefore) {
    throw new ChangeRefusal('expiresAt', 'empty_period', 'expiresAt must be later than notBefore')
  }
}

const MOST = 1_000_000_000

/** @param tokensPerMinute undefined: as many as are asked for */
export function requireLimit(tokensPerMinute: number | undefined): void {
  if (tokensPerMinute === undefined) return
  if (Number.isInteger(tokensPerMinute) && tokensPerMinute >= 1 && tokensPerMinute <= MOST) return
  throw new ChangeRefusal(
    'tokensPerMinute',
    'out_of_bounds',
    `tokensPerMinute must be a whole number from 1 to ${MOST}; leave it out for no limit, and disable a client to give it none`,
  )
}
