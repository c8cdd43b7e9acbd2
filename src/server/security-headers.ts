/**
 * The headers on every answer that tell browsers to be careful with it: one table for both doors, and for what is refused
 * before either. Helmet says once what stands in it; asked for each answer, it would cost more than the token.
 */
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import helmet from 'helmet'
import type { Origin } from '../tenancy/origin.ts'

/** Of what is no page: nothing may be loaded, run or framed. */
const NO_PAGE = { defaultSrc: ["'none'"], frameAncestors: ["'none'"] }

/**
 * @param directives of the Content-Security-Policy
 * @returns names and values, one after the other, as `writeHead` takes them
 */
export function securityHeaders(
  { scheme }: Pick<Origin, 'scheme'>,
  directives: Readonly<Record<string, string[]>> = NO_PAGE,
): readonly string[] {
  const secure = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives,
    },
    // Documents are for everybody; what is not carries no-store and no CORS header.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    strictTransportSecurity: scheme === 'https',
  })
  const table: string[] = []
  // An answer that is sent to nobody, and notes what it is told.
  const request = new IncomingMessage(new Socket())
  const response = new ServerResponse(request)
  response.setHeader = (name, value) => {
    table.push(name, String(value))
    return response
  }
  secure(request, response, (error) => {
    if (error !== undefined) throw new Error('the table of security headers cannot be made', { cause: error })
  })
  return table
}
