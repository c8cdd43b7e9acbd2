/** Shapes that several routes take or answer: pages, moments, names. They are the OpenAPI document as well. */
import { z } from 'zod'

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
    ...(more && { next_cursor: Buffer.from(JSON.stringify(keyOf(last))).toString('base64url') }),
  }
}

/**
 * A cursor is where to go on, and no more: whoever sends another tenant's goes on behind its name among their own.
 * @returns undefined for none, and for what is no cursor of so many parts
 */
export function readCursor(cursor: string | undefined, parts: number): readonly string[] | undefined {
  if (cursor === undefined) return undefined
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    const all =
      Array.isArray(value) && value.length === parts && value.every((one) => typeof one === 'string')
    return all ? value : undefined
  } catch {
    return undefined
  }
}

export const iso = (date: Date | undefined): string | undefined => date?.toISOString()
export const isoOfSeconds = (seconds: number | undefined): string | undefined =>
  seconds === undefined ? undefined : new Date(seconds * 1000).toISOString()
export const secondsOf = (moment: string | null | undefined): number | undefined =>
  moment === null || moment === undefined ? undefined : Math.floor(Date.parse(moment) / 1000)
