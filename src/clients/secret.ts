/**
 * The form of client secrets. One that Regent generated has 70 characters of `[A-Za-z0-9_-]`, read by position:
 * `rgs_`, the credential's id (16), `_`, 256 random bits (43), a checksum (6, base 62). The id makes verifying one
 * row and one hash; the checksum turns typing errors away before any work and lets scanners find leaked secrets. It
 * is no defence. The alphabet reads the same whether a client library form-encodes it or not (RFC 6749 §2.3.1).
 */
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { CredentialId } from '../ids.ts'
import { isVschar } from '../oauth/basic.ts'

const PREFIX = 'rgs_'
const SHAPE = /^rgs_([A-Za-z0-9_-]{16})_[A-Za-z0-9_-]{43}([0-9A-Za-z]{6})$/
const BASE_62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const CHECKSUM_LENGTH = 6
/** bcrypt ignores whatever follows byte 72: longer secrets are refused, never cut. */
export const MAX_SECRET_BYTES = 72

export type SecretForm =
  | { readonly form: 'generated'; readonly credentialId: CredentialId }
  /** Begins like a generated one, and is not one: cut short, mistyped, or with something stuck to it. */
  | { readonly form: 'damaged' }
  | { readonly form: 'chosen' }
  /** What nobody can have as a secret: empty, too long, or outside VSCHAR (RFC 6749 Appendix A.2). */
  | { readonly form: 'impossible' }

/** @param bits 256 of them; who measures a million secrets makes them again instead of keeping them */
export function generateSecret(credentialId: CredentialId, bits: Buffer = randomBytes(32)): string {
  const body = `${PREFIX}${credentialId}_${bits.toString('base64url')}`
  return body + checksum(body)
}

/** What a presented secret could be, decided by its characters alone: nothing is looked up. */
export function readSecretForm(secret: string): SecretForm {
  if (secret === '' || !isVschar(secret) || secret.length > MAX_SECRET_BYTES) return { form: 'impossible' }
  if (!secret.startsWith(PREFIX)) return { form: 'chosen' }
  const [, credentialId, presented] = SHAPE.exec(secret) ?? []
  return credentialId !== undefined && presented === checksum(secret.slice(0, -CHECKSUM_LENGTH))
    ? { form: 'generated', credentialId: credentialId as CredentialId }
    : { form: 'damaged' }
}

/** CRC-32 in base 62, padded: 62^6 is more than 2^32. */
function checksum(text: string): string {
  let rest = crc32(text)
  let digits = ''
  for (let place = 0; place < CHECKSUM_LENGTH; place++) {
    digits = BASE_62.charAt(rest % 62) + digits
    rest = Math.floor(rest / 62)
  }
  return digits
}
