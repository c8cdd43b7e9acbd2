/**
 * Who administers: the client of a bearer token (RFC 6750) that the built-in workspace of this administration issued. That
 * the token is valid is not enough: in memory, its client and its credential must live, and still hold what it says.
 */
import { lifeFault } from '../clients/life-fault.ts'
import { isWithinNetworks } from '../clients/networks.ts'
import type { Clock } from '../clock.ts'
import type { Directory } from '../directory/directory.ts'
import type { KnownWorkspace } from '../directory/known-workspace.ts'
import type { ClientId } from '../ids.ts'
import { verifyAccessToken } from '../tokens/verify-access-token.ts'
import { Problem } from './problem.ts'

export type Caller = {
  readonly clientId: ClientId
  /** Of the token, as far as the client still has it. */
  readonly scope: ReadonlySet<string>
}

// RFC 6750 §2.1: credentials = "Bearer" 1*SP b64token; a scheme knows no case (RFC 9110 §11.1).
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i

type Asked = {
  readonly authorization: readonly string[]
  readonly peer: string
  readonly workspace: KnownWorkspace
  readonly directory: Pick<Directory, 'findClient' | 'confirmClient'>
  /** The API's own name. */
  readonly audience: string
  readonly clock: Clock
  /** Milliseconds of the monotonic clock. */
  readonly arrived: number
  /** Whose token it is, is known: also where it is refused. */
  readonly onClient: (clientId: ClientId) => void
}

/** @throws Problem 401, with the challenge of RFC 6750 §3; 400 for several headers */
export async function requireCaller(asked: Asked): Promise<Caller> {
  const { authorization, peer, workspace, directory, audience, clock, arrived, onClient } = asked
  const [header, ...others] = authorization
  if (others.length > 0)
    throw new Problem(400, 'several_authorizations', 'send one Authorization header', {
      headers: challenge(audience, 'invalid_request'),
    })
  if (header === undefined) {
    // RFC 6750 §3.1: who brings nothing is told the scheme, and no error.
    const headers = challenge(audience)
    throw new Problem(
      401,
      'token_missing',
      `send an access token for ${audience}: Authorization: Bearer ...`,
      { headers },
    )
  }
  const token = BEARER.exec(header)?.[1]
  const verified = token && (await verifyAccessToken(token, workspace, audience, clock))
  if (!verified) throw invalidToken(audience)
  const { clientId } = verified
  onClient(clientId)
  const found = await directory.findClient(workspace, clientId)
  const client = found.value ?? (await directory.confirmClient(workspace, clientId, arrived, found)).value
  const credential = client?.credentials.find(({ id }) => id === verified.credentialId)
  const lives =
    client !== undefined &&
    credential !== undefined &&
    lifeFault(client, credential, clock.now()) === undefined &&
    isWithinNetworks(peer, client.allowedNetworks)
  if (!lives) throw invalidToken(audience)
  const granted = new Set<string>(client.grants.map(({ scopeToken }) => scopeToken))
  return { clientId, scope: new Set([...verified.scope].filter((one) => granted.has(one))) }
}

/** @throws Problem 403 that names what is missing (RFC 6750 §3.1) */
export function requirePermission({ scope }: Caller, needed: string, audience: string): void {
  if (scope.has(needed)) return
  throw new Problem(403, 'insufficient_scope', `this needs a token with the scope ${needed}`, {
    headers: challenge(audience, 'insufficient_scope', needed),
  })
}

function invalidToken(audience: string): Problem {
  return new Problem(
    401,
    'invalid_token',
    `the token is not valid for ${audience}, or is not any more: get another one from its token endpoint`,
    { headers: challenge(audience, 'invalid_token') },
  )
}

function challenge(audience: string, error?: string, scope?: string): Readonly<Record<string, string>> {
  const parameters = [
    `realm="${audience}"`,
    ...(error ? [`error="${error}"`] : []),
    ...(scope ? [`scope="${scope}"`] : []),
  ]
  return { 'WWW-Authenticate': `Bearer ${parameters.join(', ')}` }
}
