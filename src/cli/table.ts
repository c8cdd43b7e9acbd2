/** Shows values to people: lists as tables, one thing as its fields. Whatever came from elsewhere is made plain. */
import Table from 'cli-table3'
import { plain, plainLine } from './plain.ts'

export type Item = Readonly<Record<string, unknown>>

const NO_LINES = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
  ].map((part) => [part, '']),
)
const LAYOUT = {
  chars: { ...NO_LINES, middle: '  ' },
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
}

/** @param columns fields of the items, as the API calls them */
export function printTable(columns: readonly string[], items: readonly Item[]): string {
  const table = new Table({ ...LAYOUT, head: columns.map((name) => name.toUpperCase()) })
  for (const item of items) table.push(columns.map((name) => printValue(name, item[name])))
  return trimmed(table.toString())
}

/** A field a line; fields of what is inside are named with a dot. */
export function printFields(item: Item): string {
  const table = new Table(LAYOUT)
  for (const [name, value] of flattened(item))
    table.push([name, printValue(name.split('.').at(-1) ?? '', value)])
  return trimmed(table.toString())
}

function flattened(item: Item, prefix = ''): readonly (readonly [string, unknown])[] {
  return Object.entries(item).flatMap(([name, value]) =>
    isRecord(value) && !(name in WORDS)
      ? flattened(value, `${prefix}${name}.`)
      : [[plainLine(prefix + name), value] as const],
  )
}

/** Of fields that hold more than a word. */
const WORDS: Readonly<Record<string, (value: unknown) => string>> = {
  // Of a client, what it was granted; of a resource server, what each allows.
  scopes: (value) =>
    Array.isArray(value)
      ? (value as Item[])
          .map((one) => `${String(one.scope)}${one.by_default === false ? ' (on request)' : ''}`)
          .join(', ')
      : Object.entries(Object(value) as Item)
          .map(([scope, allows]) => `${scope} (${String(allows)})`)
          .join(', '),
  workspaces: countOf,
  resource_servers: countOf,
  clients: countOf,
  details: (value) => JSON.stringify(value),
}

function countOf(value: unknown): string {
  const { count, most } = Object(value) as Item
  return typeof most === 'number' ? `${String(count)} of ${most}` : String(count)
}

function printValue(name: string, value: unknown): string {
  const words = WORDS[name]
  if (words !== undefined && typeof value === 'object' && value !== null)
    return plainLine(words(value)) || '-'
  return (Array.isArray(value) ? value.map(printOne).join(', ') : printOne(value)) || '-'
}

function printOne(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return plainLine(typeof value === 'string' ? value : JSON.stringify(value))
}

function isRecord(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function trimmed(text: string): string {
  return plain(text.replaceAll(/ +$/gm, ''))
}
