/** Shapes that several routes take or answer: pages, moments, names. They are the OpenAPI document as well. */
import { z } from 'zod'
import { Problem } from './problem.ts'

export const MOMENT = z.iso.datetime({ offset: true }).meta({ description: 'RFC 3339' })
export const SECONDS = z.int().nonnegative()

const MOST = 200
const USUAL = 50

/** Of every list. */
export const PAGE = {
  limit: z.coerce.number().int().min(1).max(MOST).default(USUAL).meta({ description: 'how many, at most' }),
  cursor: z.string().max(500).optional().meta({ description: 'next_cursor of the page before' }),
}
/** Of every change. */
export const DRY_RUN = {
  dry_run: z
    .enum(['true', 'false'])
    .optional()
    .meta({ description: 'answer what would change and what it would break, and change nothing' }),
}

export function pageOf(item: z.ZodType) {
  return z.object({ items: z.array(item), next_cursor: z.string().optional() })
}

/** What `dry_run=true` answers. */
export const PREVIEW = z.object({
  dry_run: z.literal(true),
  action: z.string(),
  subject: z.string(),
  details: z.looseObject({}),
  breaks: z.array(z.string()),
  result: z.looseObject({}).optional(),
})

export const PROBLEM = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  reason: z.string(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  request_id: z.string(),
})

export const cursorOf = (keys: readonly string[]): string =>
  Buffer.from(JSON.stringify(keys)).toString('base64url')

/** @returns the items of a page, and where the next one begins */
export function page<Item>(
  rows: readonly Item[],
  limit: number,
  keyOf: (item: Item) => readonly string[],
  show: (item: Item) => object,
): { items: object[]; next_cursor?: string } {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const more = rows.length > limit && last !== undefined
  return {
    items: shown.map(show),
    ...(more && { next_cursor: cursorOf(keyOf(last)) }),
  }
}

/** Parts of a cursor: what PostgreSQL can compare with. */
export const TEXT = /^[^\0\p{Cs}]{0,300}$/u
export const DIGITS = /^[0-9]{1,17}$/
export const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * A cursor is where to go on, and no more: whoever sends another tenant's goes on behind its name among their own.
 * @returns its parts; undefined for none
 * @throws Problem 422 for what is no cursor of these parts
 */
export function readCursor(
  cursor: string | undefined,
  parts: readonly RegExp[],
): readonly string[] | undefined {
  if (cursor === undefined) return undefined
  const value = parseJson(Buffer.from(cursor, 'base64url').toString())
  const isOurs =
    Array.isArray(value) &&
    value.length === parts.length &&
    parts.every((part, index) => typeof value[index] === 'string' && part.test(value[index]))
  if (isOurs) return value as string[]
  const detail = 'is no next_cursor of this list, in this order'
  throw new Problem(422, 'cursor_syntax', `cursor ${detail}`, { errors: [{ pointer: '?cursor', detail }] })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const iso = (date: Date | undefined): string | undefined => date?.toISOString()
export const isoOfSeconds = (seconds: number | undefined): string | undefined =>
  seconds === undefined ? undefined : new Date(seconds * 1000).toISOString()
export const secondsOf = (moment: string | null | undefined): number | undefined =>
  moment === null || moment === undefined ? undefined : Math.floor(Date.parse(moment) / 1000)
