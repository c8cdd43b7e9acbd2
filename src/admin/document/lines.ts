/**
 * A document on its way: a small one as JSON, any as lines of JSON (NDJSON), a part each. First the header, then each workspace,
 * followed by its resource servers and its clients, and at the end how many of each there were: who lacks that line lacks others.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { slices } from '../../clock.ts'
import { Problem } from '../problem.ts'
import { CLIENT_ENTRY, HEADER, RESOURCE_SERVER_ENTRY, WORKSPACE_ENTRY } from './document.ts'
import type { DocumentReader } from './reader.ts'

const COUNT = z.int().nonnegative()
export const END = z.strictObject({ workspaces: COUNT, resource_servers: COUNT, clients: COUNT })
export const LINE = z.union([
  HEADER,
  z.strictObject({ workspace: WORKSPACE_ENTRY }),
  z.strictObject({ resource_server: RESOURCE_SERVER_ENTRY }),
  z.strictObject({ client: CLIENT_ENTRY }),
  z.strictObject({ end: END }),
])

/** Bytes. */
export const MOST = 64 * 1024 * 1024
const MOST_JSON = 1024 * 1024
const MOST_OF_A_LINE = 1024 * 1024

/** Reads what comes into the reader. @returns a digest of it. @throws Problem for what is no document at all */
export async function readArriving(
  chunks: AsyncIterable<Buffer>,
  contentTypes: readonly string[],
  reader: DocumentReader,
): Promise<string> {
  const [type = '', ...others] = contentTypes.map((one) => one.split(';')[0]?.trim().toLowerCase() ?? '')
  const digest = createHash('sha256')
  const seen = async function* () {
    for await (const chunk of chunks) {
      digest.update(chunk)
      yield chunk
    }
  }
  if (others.length === 0 && type === 'application/json') await readWhole(seen(), reader)
  else if (others.length === 0 && type === 'application/x-ndjson') await readLines(seen(), reader)
  else
    throw new Problem(415, 'content_type', 'send a document as application/json or as application/x-ndjson')
  return digest.digest('base64url')
}

async function readWhole(chunks: AsyncIterable<Buffer>, reader: DocumentReader): Promise<void> {
  const all: Buffer[] = []
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > MOST_JSON)
      throw new Problem(413, 'document_too_large', 'send so large a document as application/x-ndjson')
    all.push(chunk)
  }
  await readDocument(parse(Buffer.concat(all), 'the body'), reader)
}

/** Of a document as one value. */
export async function readDocument(value: unknown, reader: DocumentReader): Promise<void> {
  const { workspaces = [], ...header } = Object(value) as { workspaces?: unknown }
  const breathe = slices()
  if (!reader.header(header)) return
  for (const workspace of reader.list(['workspaces'], workspaces)) {
    const { resource_servers: servers = [], clients = [], ...entry } = Object(workspace) as Parts
    const path = reader.workspace(typeof workspace === 'object' ? entry : workspace)
    for (const server of reader.list([...path, 'resource_servers'], servers)) {
      reader.resourceServer(server)
      await breathe()
    }
    for (const client of reader.list([...path, 'clients'], clients)) {
      reader.client(client)
      await breathe()
    }
  }
}

type Parts = { resource_servers?: unknown; clients?: unknown }

async function readLines(chunks: AsyncIterable<Buffer>, reader: DocumentReader): Promise<void> {
  const breathe = slices()
  let number = 0
  let ended = false
  let goesOn = true
  for await (const line of splitLines(chunks)) {
    number += 1
    const value = parse(line, `line ${number}`)
    if (ended) throw malformed(`line ${number} comes after the end`)
    if (number === 1) goesOn = reader.header(value)
    else if (goesOn) ended = readLine(value, number, reader)
    await breathe()
  }
  if (goesOn && !ended)
    throw malformed('it breaks off: the last line must be {"end": ...}, with how many of each there are')
}

function readLine(value: unknown, number: number, reader: DocumentReader): boolean {
  const [entry, ...others] = Object.entries(Object(value) as object)
  const [kind, part] = entry ?? []
  if (others.length > 0) throw malformed(`line ${number} must have one part`)
  if (kind === 'workspace') reader.workspace(part)
  else if (kind === 'resource_server') reader.resourceServer(part)
  else if (kind === 'client') reader.client(part)
  else if (kind === 'end') {
    if (JSON.stringify(END.safeParse(part).data) !== JSON.stringify(reader.counts()))
      throw malformed(`line ${number} counts other parts than there are: ${JSON.stringify(reader.counts())}`)
    return true
  } else throw malformed(`line ${number} is no workspace, resource_server, client or end`)
  return false
}

async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer[] = []
  let waiting = 0
  for await (const chunk of chunks) {
    let from = 0
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...rest, chunk.subarray(from, at)])
      rest = []
      waiting = 0
      from = at + 1
      if (line.length > 0) yield line
    }
    rest.push(chunk.subarray(from))
    waiting += chunk.length - from
    if (waiting > MOST_OF_A_LINE) throw malformed(`a line may have at most ${MOST_OF_A_LINE} bytes`)
  }
  if (waiting > 0) yield Buffer.concat(rest)
}

function parse(bytes: Buffer, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    // What the parser says would repeat what it stumbled over, which may be a hash.
    throw new Problem(400, 'json_syntax', `${what} is not JSON in UTF-8`)
  }
}

function malformed(detail: string): Problem {
  return new Problem(400, 'document_syntax', detail)
}
