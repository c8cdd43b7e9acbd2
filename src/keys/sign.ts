/**
 * The one place that signs. What is signed has one of the purposes listed here, each with its `typ` (RFC 8725 §3.11),
 * so that no JWT of ours can pass for another kind.
 */
import { sign as signBytes } from 'node:crypto'
import type { WorkspaceId } from '../ids.ts'
import type { ActiveKey } from './signing-key.ts'

const TYPES = {
  // RFC 9068 §2.1
  access_token: 'at+jwt',
} as const

export type SigningPurpose = keyof typeof TYPES

/**
 * @param workspaceId whose token it is; a key of another workspace is a bug, and refused
 * @returns a JWS in compact serialisation (RFC 7515 §7.1)
 */
export function signJwt(
  purpose: SigningPurpose,
  workspaceId: WorkspaceId,
  key: ActiveKey,
  claims: object,
): string {
  if (key.workspaceId !== workspaceId) throw new Error(`the key ${key.kid} is of another workspace`)
  const header = { alg: key.algorithm, typ: TYPES[purpose], kid: key.kid }
  const input = `${encode(header)}.${encode(claims)}`
  const signature = joseSignature(signBytes('sha256', Buffer.from(input), key.privateKey))
  return `${input}.${signature.toString('base64url')}`
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

const COORDINATE_BYTES = 32

/**
 * From DER (RFC 3279 §2.2.3: a sequence of the integers r and s) to r || s of fixed length (RFC 7518 §3.4). Node's own
 * conversion has a slow path on Node 24, this one on none. Both integers of P-256 fit the short form of a length.
 */
function joseSignature(der: Buffer): Buffer {
  const signature = Buffer.alloc(2 * COORDINATE_BYTES)
  const rLength = der.readUInt8(3)
  copyInteger(der.subarray(4, 4 + rLength), signature.subarray(0, COORDINATE_BYTES))
  copyInteger(der.subarray(6 + rLength), signature.subarray(COORDINATE_BYTES))
  return signature
}

/** Integers lose the zero byte that keeps them positive, and gain those that fill the length. */
function copyInteger(integer: Buffer, target: Buffer): void {
  const digits = integer.subarray(Math.max(0, integer.length - target.length))
  digits.copy(target, target.length - digits.length)
}
