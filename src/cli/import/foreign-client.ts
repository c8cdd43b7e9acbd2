/** A client as another product had it, and what becomes of it here. Pure. */
import { isClientId, SECRET_METHODS, type SecretMethod } from '../../clients/client.ts'
import { readHash } from '../../clients/hash-forms.ts'
import { MAX_SECRET_BYTES, readSecretForm } from '../../clients/secret.ts'
import type { ImportFault } from './report.ts'

export type ForeignSecret =
  | { readonly kind: 'hash'; readonly text: string }
  /** To be hashed, and to be seen nowhere. */
  | { readonly kind: 'plain'; readonly text: string }
  | { readonly kind: 'none'; readonly why: string }

export type ForeignClient = {
  readonly id: string
  readonly name?: string | undefined
  readonly disabled?: boolean
  /** By its registered name (RFC 7591 §2); undefined: not said. */
  readonly method?: string | undefined
  /** Undefined: it may use client_credentials. */
  readonly grantTypes?: readonly string[] | undefined
  /** What it may ask for, and gets when it asks for none; and what it gets only when it asks. */
  readonly scopes: readonly string[]
  readonly optionalScopes?: readonly string[]
  readonly audiences?: readonly string[]
  readonly secret: ForeignSecret
  /** Seconds since 1970. */
  readonly expiresAt?: number | undefined
  readonly changed?: readonly string[]
}

export type TakenSecret = {
  readonly says: string
  readonly hash?: string
  readonly plain?: string
}

const KINDS = { $2b$: 'bcrypt', $pbk: 'PBKDF2' } as const

/** @returns why it cannot be a client here, if so */
export function reasonToLeaveOut({ method, grantTypes }: ForeignClient): string | undefined {
  if (method === 'none') return 'it is a public client, which has no secret and gets no token for itself'
  if (grantTypes !== undefined && !grantTypes.includes('client_credentials'))
    return 'it may not use client_credentials, and nothing else is here'
  return undefined
}

export function idFault({ id }: ForeignClient): ImportFault | undefined {
  if (isClientId(id)) return undefined
  return {
    client: id,
    fault: 'its client_id cannot be kept: one has 1 to 128 of A-Z, a-z, 0-9 and - . _ ~',
    mend: 'Give it another one there, or leave it out',
  }
}

export function methodOf({ method }: ForeignClient): { method: SecretMethod; changed: readonly string[] } {
  const own = SECRET_METHODS.find((name) => name === method)
  if (own !== undefined || method === undefined) return { method: own ?? 'client_secret_basic', changed: [] }
  return {
    method: 'client_secret_basic',
    changed: [`it proved itself by ${method}, and has to do so with a secret now`],
  }
}

/** @returns a fault where nobody should go on without looking */
export function takeSecret({ id, secret, method }: ForeignClient): TakenSecret | ImportFault {
  if (method !== undefined && !SECRET_METHODS.some((name) => name === method))
    return { says: 'without a secret: it proved itself by other means' }
  if (secret.kind === 'none') return { says: `without a secret: ${secret.why}` }
  if (secret.kind === 'plain') return takePlain(secret.text)
  const read = readHash(secret.text)
  if (read.outcome === 'unknown')
    return { says: 'without a secret: its hash is of no form that Regent compares with' }
  if (read.outcome === 'refused') {
    return { client: id, fault: read.message, mend: 'Give it a new secret there, or leave it out' }
  }
  const kind = KINDS[read.hash.slice(0, 4) as keyof typeof KINDS]
  const cost = kind === 'bcrypt' ? `cost ${read.work.bcryptCost}` : `${read.work.iterations} iterations`
  return { says: `with its secret (${kind}, ${cost})`, hash: read.hash }
}

function takePlain(text: string): TakenSecret {
  if (Buffer.byteLength(text) > MAX_SECRET_BYTES)
    return { says: `without a secret: its own is longer than ${MAX_SECRET_BYTES} bytes` }
  if (readSecretForm(text).form !== 'chosen') {
    return { says: 'without a secret: its own is not of printable ASCII, or begins like one of Regent' }
  }
  return { says: 'with its secret (hashed here)', plain: text }
}
