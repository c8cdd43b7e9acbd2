/**
 * The front door: reads the raw Host and the raw target of a request once, before any router, and lets in what has an
 * address of ours. Everything behind it takes the address from here and reads neither again: routers decode and repair
 * what this refuses.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { problemReply } from '../admin/problem.ts'
import { refusalOf } from '../endpoints/answer.ts'
import type { Question } from '../exchange.ts'
import { OAuthError } from '../oauth/error.ts'
import type { Observe } from '../observe/observation.ts'
import {
  isAdminTarget,
  nothingHere,
  readAddress,
  readAdminAddress,
  type WorkspaceAddress,
} from '../tenancy/address.ts'
import type { Origin } from '../tenancy/origin.ts'
import { isPageTarget, readPageAddress } from '../tenancy/page-address.ts'
import type { AdminDoor } from './admin-door.ts'
import { malformedMessage } from './frame-refusal.ts'
import type { PageDoor } from './page-door.ts'
import type { Caller } from './peer.ts'
import type { RequestSpans } from './request-spans.ts'
import type { WriteReply } from './write-reply.ts'

export const MAX_HEADERS = 100
const MALFORMED: ReadonlySet<number> = new Set([400, 431])

/** A question whose body has not been read. */
export type Arrival = Omit<Question<WorkspaceAddress>, 'body'>

type Needs = {
  readonly origin: Origin
  readonly readCaller: (request: IncomingMessage) => Caller
  /** Paths behind `/{tenant}/{workspace}` that there are. */
  readonly paths: ReadonlySet<string>
  readonly observe: Observe
  readonly writeReply: WriteReply
  /** Undefined: nobody asks for traces. */
  readonly spans?: RequestSpans | undefined
}

export function frontDoor(
  { origin, readCaller, paths, observe, writeReply, spans }: Needs,
  letIn: (arrival: Arrival, request: IncomingMessage, response: ServerResponse) => void,
  letInAdmin: AdminDoor,
  letInPage: PageDoor,
) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const caller = readCaller(request)
    const headers = headerReader(request.rawHeaders)
    const target = request.url ?? ''
    let enter: () => void
    try {
      requireFewHeaders(request)
      requirePlainFraming(request, headers('transfer-encoding'))
      const more = { headers, method: request.method ?? '', ...caller }
      if (isAdminTarget(target)) {
        const found = readAdminAddress(headers('host'), target, origin)
        enter = () => letInAdmin({ ...found, ...more }, request, response)
      } else if (isPageTarget(target)) {
        const found = readPageAddress(headers('host'), target, origin)
        enter = () => letInPage({ ...found, ...more }, request, response)
      } else {
        const found = readAddress(headers('host'), target, origin)
        if (!paths.has(found.address.path)) throw nothingHere()
        enter = () => letIn({ ...found, ...more }, request, response)
      }
    } catch (error) {
      const reply = isAdminTarget(target)
        ? problemReply(error, caller, observe, 'administration')
        : refusalOf(error, caller, observe)
      // Whoever cannot write a message may not agree with us on where it ends: nothing that follows is read.
      const closing = MALFORMED.has(reply.status) ? { Connection: 'close' } : {}
      const answer = { ...reply, headers: { ...reply.headers, ...closing } }
      writeReply(request, response, answer, caller.requestId)
      spans?.refused(request, reply)
      return
    }
    enter()
  }
}

function requireFewHeaders({ rawHeaders }: IncomingMessage): void {
  if (rawHeaders.length > 2 * MAX_HEADERS) {
    throw new OAuthError('invalid_request', 'too_many_headers', `send at most ${MAX_HEADERS} headers`, {
      status: 431,
    })
  }
}

/**
 * RFC 9112 §6.1: Node would read a body by a coding that it does not know (`gzip, chunked`), and chunks of a version
 * that has none. A proxy in front may see the message end elsewhere.
 */
function requirePlainFraming({ httpVersion }: IncomingMessage, transferEncodings: readonly string[]): void {
  const [coding = 'chunked'] = transferEncodings
  const chunked = transferEncodings.length <= 1 && coding.toLowerCase() === 'chunked'
  const plain = transferEncodings.length === 0 ? /^1\.[01]$/ : /^1\.1$/
  if (!chunked || !plain.test(httpVersion)) throw malformedMessage()
}

/** Node joins or drops repeated headers, each by its name; here all values are seen. */
function headerReader(rawHeaders: readonly string[]) {
  return (name: string): readonly string[] => {
    const values: string[] = []
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const sent = rawHeaders[at] ?? ''
      if (sent.length === name.length && sent.toLowerCase() === name) values.push(rawHeaders[at + 1] ?? '')
    }
    return values
  }
}
