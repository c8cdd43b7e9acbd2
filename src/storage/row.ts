/**
 * Reads what came from a table as what it should be. Constraints keep rows right; damage, hands and later releases may
 * not. A row that cannot be used fails whoever needs it, by the name of its table and column, and nobody else.
 */
import type { z } from 'zod'

/**
 * @param table as the operator knows it
 * @throws Error that names table and columns, and repeats no value
 */
export function readRow<Value>(table: string, shape: z.ZodType<Value>, row: unknown): Value {
  const { success, data, error } = shape.safeParse(row)
  if (success) return data
  const faults = new Set(error.issues.map(({ path, code }) => `${path.join('.') || 'row'} (${code})`))
  throw new Error(`a row of regent.${table} cannot be used: ${[...faults].join(', ')}`)
}

/** @returns seconds since 1970, as exact as a row's moment comes here */
export function numericDate(date: Date | null): number | undefined {
  return date === null ? undefined : date.getTime() / 1000
}

/** @returns seconds since 1970, a whole number: what is cut off is less than one */
export function wholeSeconds(date: Date | null): number | undefined {
  const exact = numericDate(date)
  return exact === undefined ? undefined : Math.floor(exact)
}
