/**
 * The one place that signs. What is signed has one of the purposes listed here, each with the types that it may carry
 * (RFC 8725 §3.11), so that no JWT of ours can pass for another kind.
 */
import { constants, sign as signBytes, type KeyObject, type SignKeyObjectInput } from 'node:crypto'
import type { WorkspaceId } from '../ids.ts'
import type { Algorithm, JwtType } from '../oauth/signing.ts'
import type { ActiveKey } from './signing-key.ts'

export type SigningPurpose =
  /** RFC 9068 §2.1; `JWT` where the resource server asked for it. */
  { readonly purpose: 'access_token'; readonly type: JwtType }

// RFC 7518 §3.3 to §3.5 and RFC 8037 §3.1. What takes a thirtieth of a millisecond is signed here and now; an RSA signature
// takes ten times as long, and is made beside the event loop.
const SIGN: Record<Algorithm, (input: Buffer, key: KeyObject) => Buffer | Promise<Buffer>> = {
  ES256: (input, key) => joseSignature(signBytes('sha256', input, key), 32),
  ES384: (input, key) => joseSignature(signBytes('sha384', input, key), 48),
  RS256: (input, key) => signAside(input, { key, padding: constants.RSA_PKCS1_PADDING }),
  PS256: (input, key) =>
    signAside(input, {
      key,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    }),
  EdDSA: (input, key) => signBytes(undefined, input, key),
}

/**
 * @param workspaceId whose token it is; a key of another workspace is a bug, and refused
 * @returns a JWS in compact serialisation (RFC 7515 §7.1); later, where the algorithm is signed beside the event loop
 */
export function signJwt(
  { type }: SigningPurpose,
  workspaceId: WorkspaceId,
  key: ActiveKey,
  claims: object,
): string | Promise<string> {
  if (key.workspaceId !== workspaceId) throw new Error(`the key ${key.kid} is of another workspace`)
  const input = `${headerOf(key, type)}.${encode(claims)}`
  const signature = SIGN[key.algorithm](Buffer.from(input, 'latin1'), key.privateKey)
  return Buffer.isBuffer(signature) ? join(input, signature) : signature.then((bytes) => join(input, bytes))
}

/** Of each key and type the same: encoded once. */
const headers = new WeakMap<ActiveKey, { readonly type: JwtType; readonly encoded: string }>()

function headerOf(key: ActiveKey, type: JwtType): string {
  const known = headers.get(key)
  if (known?.type === type) return known.encoded
  const encoded = encode({ alg: key.algorithm, typ: type, kid: key.kid })
  headers.set(key, { type, encoded })
  return encoded
}

function join(input: string, signature: Buffer): string {
  return `${input}.${signature.toString('base64url')}`
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** On a thread of Node's pool; where that has two, bcrypt leaves one free. */
function signAside(input: Buffer, key: SignKeyObjectInput): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    signBytes('sha256', input, key, (error, signature) =>
      error === null ? resolve(signature) : reject(error),
    )
  })
}

/**
 * From DER (RFC 3279 §2.2.3: a sequence of the integers r and s) to r || s of fixed length (RFC 7518 §3.4). Node's own
 * conversion has a slow path on Node 24, this one on none. For P-256 and P-384 every length fits into one byte.
 */
function joseSignature(der: Buffer, coordinateBytes: number): Buffer {
  const signature = Buffer.alloc(2 * coordinateBytes)
  const rLength = der.readUInt8(3)
  copyInteger(der.subarray(4, 4 + rLength), signature.subarray(0, coordinateBytes))
  copyInteger(der.subarray(6 + rLength), signature.subarray(coordinateBytes))
  return signature
}

/** Integers lose the zero byte that keeps them positive, and gain those that fill the length. */
function copyInteger(integer: Buffer, target: Buffer): void {
  const digits = integer.subarray(Math.max(0, integer.length - target.length))
  digits.copy(target, target.length - digits.length)
}
