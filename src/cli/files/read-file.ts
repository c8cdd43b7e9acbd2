/** Reads a tenant's file, YAML or JSON, and says of every fault in which line and column it is. */
import { readFileSync } from 'node:fs'
import { CORE_SCHEMA, load } from 'js-yaml'
import { isMap, isNode, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml'
import { readDocument } from '../../admin/document/lines.ts'
import { documentReader } from '../../admin/document/reader.ts'
import type { DocumentPath } from '../../admin/document/faults.ts'
import { CommandFault, EXIT } from '../exit-code.ts'
import { plain } from '../plain.ts'

export type TenantFile = {
  /** As it is written, which was found right. */
  readonly value: FileValue
  /** @param faults of what the server knows more about, by path. Throws */
  refuse(faults: readonly FileFault[]): never
}
export type FileFault = { readonly path: DocumentPath; readonly detail: string }
export type FileValue = {
  readonly tenant: string
  readonly workspaces?: readonly (Readonly<Record<string, unknown>> & {
    readonly resource_servers?: readonly object[]
    readonly clients?: readonly object[]
  })[]
} & Readonly<Record<string, unknown>>

/** @param name of a file; `-` is standard input. @throws CommandFault that names each fault */
export async function readTenantFile(name: string): Promise<TenantFile> {
  const shown = name === '-' ? 'standard input' : name
  const text = readText(name)
  const refuse = (faults: readonly FileFault[]): never => {
    const { document, place } = parseWithPlaces(text, shown)
    const all = faults.map(({ path, detail }) => ({
      at: offsetOf(document, path),
      name: nameOf(path),
      detail,
    }))
    throw refused(
      shown,
      all
        .toSorted((one, other) => one.at - other.at)
        .map((one) => `${place(one.at)}: ${one.name}${one.detail}`),
    )
  }
  const value =
    parseQuickly(text) ?? (parseWithPlaces(text, shown).document.toJS({ maxAliasCount: 100 }) as unknown)
  const reader = documentReader()
  await readDocument(value, reader)
  if (reader.faults.length > 0) refuse(reader.faults)
  return { value: value as FileValue, refuse }
}

/** Where every value stands: what most files need nobody for, and what takes several times as long. @throws CommandFault: it is no YAML */
function parseWithPlaces(text: string, shown: string) {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true })
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${shown}:${line}:${col}`
  }
  const { errors } = document
  if (errors.length === 0) return { document, place }
  throw refused(
    shown,
    errors.map(({ pos, message }) => `${place(pos[0])}: ${message}`),
  )
}

/** @returns undefined for what is no YAML, and for what names something and means it again, which may grow without end */
function parseQuickly(text: string): unknown {
  if (/(?:^|[\s,:[{-])[&*][^\s,\]}]/.test(text)) return undefined
  try {
    return load(text, { schema: CORE_SCHEMA })
  } catch {
    return undefined
  }
}

function readText(name: string): string {
  try {
    return readFileSync(name === '-' ? 0 : name, 'utf8')
  } catch (cause) {
    throw new CommandFault(EXIT.refused, `The file ${name} cannot be read.`, { cause })
  }
}

function refused(shown: string, faults: readonly string[]): CommandFault {
  const how = faults.length === 1 ? 'one fault' : `${faults.length} faults`
  return new CommandFault(
    EXIT.refused,
    plain(`${shown} has ${how}, and nothing was changed:\n${faults.map((one) => `  ${one}`).join('\n')}`),
  )
}

/** Where a value is; of what is not there, what it lacks in. */
function offsetOf({ contents }: Document, path: DocumentPath): number {
  let node: Node | null = contents
  let at = node?.range?.[0] ?? 0
  for (const part of path) {
    let next: unknown
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => String(key) === String(part))
      if (pair === undefined) return at
      if (isNode(pair.key)) at = pair.key.range?.[0] ?? at
      next = pair.value
    } else if (isSeq(node)) next = node.items[Number(part)]
    if (!isNode(next)) return at
    node = next
    // A block begins below its name: the name is what people look for.
    if (!isMap(next) && !isSeq(next)) at = next.range?.[0] ?? at
    else if (typeof part === 'number') at = next.range?.[0] ?? at
  }
  return at
}

function nameOf(path: DocumentPath): string {
  const name = path.findLast((part) => typeof part === 'string')
  return name === undefined ? '' : `${name}: `
}
