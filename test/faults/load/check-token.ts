/**
 * Whether an answer of the token endpoint is what was asked for: every token is verified with the published keys of its
 * workspace, every claim is compared with who asked for what, and its id must be new.
 */
import { verify, type KeyObject } from 'node:crypto'
import { EVERYWHERE, type Caller } from '../place/population.ts'
import type { KeySets } from './key-sets.ts'
import type { TokenIds } from './token-ids.ts'

/** What was asked: a scope, whose owner is then the audience, or a resource, with its default scope. */
export type Ask = { readonly parameter: 'scope' | 'resource'; readonly value: string }

/** Undefined: it is right. Else what is wrong with it. */
export type Verdict = string | undefined
/** No node could be asked for the keys: it is decided later. */
export const POSTPONED = 'postponed'

export type Checker = ReturnType<typeof tokenChecker>

type Parts = {
  readonly header: Claims
  readonly claims: Claims
  readonly signed: string
  readonly signature: string
}
type Claims = Readonly<Record<string, unknown>>

/** Seconds: clocks are those of one machine, and processes that were held up ask late. */
const TOLERANCE = 60

type Needs = { readonly keys: KeySets; readonly ids: TokenIds; readonly now?: () => number }

export function tokenChecker({ keys, ids, now = () => Date.now() / 1000 }: Needs) {
  const postponed: { caller: Caller; ask: Ask; body: string }[] = []

  const check = async (caller: Caller, ask: Ask, body: string): Promise<Verdict> => {
    const answer = parseJson(body)
    const parts = typeof answer?.access_token === 'string' ? parseToken(answer.access_token) : undefined
    if (answer === undefined || parts === undefined) return 'no token in the answer'
    const { issuer } = caller.party.workspace
    const kid = String(parts.header.kid)
    let key = keys.find(issuer, kid)
    if (key === undefined) {
      if (!(await keys.refresh(issuer))) return POSTPONED
      key = keys.find(issuer, kid)
    }
    if (key === undefined) return 'kid is not in the JWKS of the workspace'
    const wrong =
      headerFault(parts) ?? signatureFault(parts, key) ?? claimsFault(parts.claims, caller, ask, now())
    if (wrong !== undefined) return wrong
    if (answer.token_type !== 'Bearer') return 'token_type'
    if (answer.expires_in !== Number(parts.claims.exp) - Number(parts.claims.iat)) return 'expires_in'
    if (answer.scope !== parts.claims.scope) return 'scope of the answer'
    return ids.add(String(parts.claims.jti)) ? undefined : 'jti was seen before'
  }

  return {
    /** `POSTPONED` where no node could be asked for keys: `settle` decides. */
    async check(caller: Caller, ask: Ask, body: string): Promise<Verdict> {
      const verdict = await check(caller, ask, body)
      if (verdict === POSTPONED) postponed.push({ caller, ask, body })
      return verdict
    },

    /** Decides what was postponed. @returns what was wrong; whatever cannot be decided even now is */
    async settle(): Promise<readonly string[]> {
      const verdicts = []
      for (const { caller, ask, body } of postponed.splice(0)) {
        const verdict = await check(caller, ask, body)
        if (verdict !== undefined)
          verdicts.push(verdict === POSTPONED ? 'keys could not be fetched' : verdict)
      }
      return verdicts
    },
  }
}

function headerFault({ header }: Parts): Verdict {
  if (header.typ !== 'at+jwt') return 'typ'
  return header.alg === 'ES256' ? undefined : 'alg'
}

function signatureFault({ signed, signature }: Parts, key: KeyObject): Verdict {
  const bytes = Buffer.from(signature, 'base64url')
  const isRight = verify('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }, bytes)
  return isRight ? undefined : 'signature'
}

function claimsFault(
  claims: Claims,
  { party, clientId, credentialId }: Caller,
  ask: Ask,
  now: number,
): Verdict {
  const { workspace, region, own } = party
  const asked = ask.parameter === 'scope'
  const expected: Claims = {
    iss: workspace.issuer,
    sub: clientId,
    client_id: clientId,
    aud: asked ? EVERYWHERE : own,
    scope: asked ? ask.value : 'own',
    tid: workspace.tenant.slug,
    aid: workspace.slug,
    cred: credentialId,
    region: region === 'none' ? undefined : region,
  }
  const wrong = Object.keys(expected).find((name) => claims[name] !== expected[name])
  if (wrong !== undefined) return wrong
  const [issuedAt, expiresAt] = [Number(claims.iat), Number(claims.exp)]
  if (!(Math.abs(issuedAt - now) <= TOLERANCE)) return 'iat'
  if (expiresAt - issuedAt !== workspace.accessTokenLifetime) return 'exp'
  return typeof claims.jti === 'string' && claims.jti.length >= 16 ? undefined : 'jti'
}

function parseToken(token: string): Parts | undefined {
  const [header = '', payload = '', signature = '', ...more] = token.split('.')
  const [parsedHeader, claims] = [header, payload].map((part) =>
    parseJson(Buffer.from(part, 'base64url').toString()),
  )
  if (more.length > 0 || parsedHeader === undefined || claims === undefined) return undefined
  return { header: parsedHeader, claims, signed: `${header}.${payload}`, signature }
}

function parseJson(text: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Claims) : undefined
  } catch {
    return undefined
  }
}
