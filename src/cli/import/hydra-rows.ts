/**
 * Clients of Ory Hydra, as its users get them out: the list that `hydra list clients` prints (which has no hashes), rows of the table
 * `hydra_client` as JSON, one by one or as a list, and what pg_dump writes of that table. Pure.
 */
import { OperatorError } from '../../storage/operator-error.ts'
import { isObject, requireKind, type Unknowns } from './kinds.ts'
import { parseExport, type ExportFile } from './read-file.ts'

export type HydraRow = {
  /** Whether it is of the table, whose secrets are hashes. */
  readonly ofTable: boolean
  readonly row: Unknowns
}

export function readHydraRows(file: ExportFile): readonly HydraRow[] {
  const copied = readCopy(file)
  if (copied !== undefined) return copied.map((row) => ({ ofTable: true, row }))
  const value = readLines(file.text) ?? parseExport(file)
  requireKind('hydra', value, file.file)
  const list = isObject(value) && Array.isArray(value.items) ? value.items : [value].flat()
  return (list as readonly unknown[]).map((row, index) => {
    if (!isObject(row)) throw new OperatorError(`${file.file}: entry ${index + 1} is no client.`)
    return { ofTable: typeof row.client_id !== 'string', row }
  })
}

/** More pages are elsewhere. */
export function hasMore({ text }: ExportFile): boolean {
  return /"is_last_page"\s*:\s*false/.test(text)
}

/** An object a line, as `psql -At` prints `row_to_json`. */
function readLines(text: string): readonly unknown[] | undefined {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  if (lines.length < 2 || !lines.every((line) => line.startsWith('{') && line.trimEnd().endsWith('}')))
    return undefined
  try {
    return lines.map((line) => JSON.parse(line) as unknown)
  } catch {
    return undefined
  }
}

const COPY = /^COPY (?:"?[\w$]+"?\.)?"?hydra_client"? \(([^)]*)\) FROM stdin;\r?$/m

/** PostgreSQL's text format of COPY, as in a plain dump. */
function readCopy({ file, text }: ExportFile): readonly Unknowns[] | undefined {
  const found = COPY.exec(text)
  if (found === null) {
    if (/^INSERT INTO .{0,60}hydra_client/im.test(text)) {
      throw new OperatorError(
        `${file}: rows as INSERT are not read. Export them as JSON: select json_agg(c) from hydra_client c`,
      )
    }
    return undefined
  }
  const columns = (found[1] ?? '').split(',').map((column) => column.trim().replaceAll('"', ''))
  const rows: Unknowns[] = []
  for (const line of text.slice(found.index + found[0].length + 1).split('\n')) {
    if (line.trimEnd() === '\\.') return rows
    const fields = line.replace(/\r$/, '').split('\t')
    if (fields.length !== columns.length) {
      throw new OperatorError(
        `${file}: row ${rows.length + 1} of hydra_client has ${fields.length} fields, and the table ${columns.length} columns: the dump was cut or changed.`,
      )
    }
    rows.push(Object.fromEntries(columns.map((column, index) => [column, readField(fields[index] ?? '')])))
  }
  throw new OperatorError(`${file}: the rows of hydra_client have no end: the dump was cut short.`)
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

function readField(field: string): string | null {
  if (field === '\\N') return null
  return field.replaceAll(/\\(.)/g, (_whole, escaped: string) => ESCAPES[escaped] ?? escaped)
}
