/**
 * The forms of hashes of secrets that Regent compares with: bcrypt, which it makes itself, and PBKDF2 (RFC 8018 §5.2), which
 * others bring with them. What a comparison costs stands in the hash, and is bounded where a hash is read from outside; so is
 * its length. Says nothing about secrets, and hashes nothing.
 */

/** Both some 250 to 300 ms of a thread. */
export const MAX_BCRYPT_COST = 12
export const MAX_ITERATIONS = 600_000
const MIN_BCRYPT_COST = 4
/** Longer than any hash of these forms. */
const MAX_LENGTH = 200

/** What a comparison takes: 2^`bcryptCost` rounds of bcrypt (0: none), and so many iterations of HMAC-SHA-256. */
export type HashWork = { readonly bcryptCost: number; readonly iterations: number }

export type ReadHash =
  /** `hash`: as it is stored. */
  | { readonly outcome: 'usable'; readonly hash: string; readonly work: HashWork }
  /** It is of a form that we know, and nobody should use it as it is. */
  | { readonly outcome: 'refused'; readonly reason: HashFault; readonly message: string }
  /** Nothing that Regent could compare a secret with. */
  | { readonly outcome: 'unknown' }

export type HashFault = 'hash_damaged' | 'hash_unsafe' | 'hash_too_slow'

// $2a$, $2b$ and $2y$ are the same for secrets up to 72 bytes of ASCII, and no others are taken.
const BCRYPT = /^\$2([abxy]?)\$([0-9]{2})\$([./A-Za-z0-9]{53})$/
// As Hydra writes it; salt and key in base64 without padding. A block of SHA-256 is 32 bytes: a longer key would cost twice.
const PBKDF2 = /^\$pbkdf2-sha256\$i=([1-9][0-9]{0,9}),l=32\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{43})$/

/** Of hashes as rows have them; bcrypt's cost is at most what `REGENT_BCRYPT_COST` may be. */
export const STORED_HASH =
  /^(?:\$2b\$(?:0[4-9]|1[0-5])\$.{53}|\$pbkdf2-sha256\$i=[1-9][0-9]{0,5},l=32\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{43})$/

/**
 * Reads a hash that comes from outside, whatever it is.
 * @param ownCost that new hashes are made with: as much is never too slow
 */
export function readHash(text: string, ownCost = MAX_BCRYPT_COST): ReadHash {
  if (text.length > MAX_LENGTH) {
    return /^\$(?:2|pbkdf2)/.test(text)
      ? refused('hash_damaged', `a hash has at most ${MAX_LENGTH} characters`)
      : { outcome: 'unknown' }
  }
  if (/^\$2[a-z]?\$/.test(text)) return readBcrypt(text, Math.max(ownCost, MAX_BCRYPT_COST))
  if (text.startsWith('$pbkdf2-sha256$')) return readPbkdf2(text)
  return { outcome: 'unknown' }
}

export type Pbkdf2Hash = { readonly iterations: number; readonly salt: Buffer; readonly key: Buffer }

/** @returns undefined: it is no PBKDF2 hash of the form that is stored */
export function parsePbkdf2(hash: string): Pbkdf2Hash | undefined {
  const [, iterations, salt, key] = PBKDF2.exec(hash) ?? []
  if (salt === undefined || key === undefined) return undefined
  return {
    iterations: Number(iterations),
    salt: Buffer.from(salt, 'base64'),
    key: Buffer.from(key, 'base64'),
  }
}

export function printPbkdf2({ iterations, salt, key }: Pbkdf2Hash): string {
  const [saltText, keyText] = [salt, key].map((bytes) => bytes.toString('base64').replaceAll('=', ''))
  return `$pbkdf2-sha256$i=${iterations},l=${key.length}$${saltText}$${keyText}`
}

/** @param hash in its stored form */
export function workOf(hash: string): HashWork {
  if (hash.startsWith('$2b$')) return { bcryptCost: Number(hash.slice(4, 6)), iterations: 0 }
  return { bcryptCost: 0, iterations: parsePbkdf2(hash)?.iterations ?? 0 }
}

/** What it takes to do the most of each. */
export function mostWork(works: readonly HashWork[]): HashWork {
  let [bcryptCost, iterations] = [0, 0]
  for (const work of works) {
    bcryptCost = Math.max(bcryptCost, work.bcryptCost)
    iterations = Math.max(iterations, work.iterations)
  }
  return { bcryptCost, iterations }
}

function readBcrypt(text: string, maxCost: number): ReadHash {
  const [, minor, digits, rest] = BCRYPT.exec(text) ?? []
  if (digits === undefined || rest === undefined) return refused('hash_damaged', 'the bcrypt hash is damaged')
  // One that was made with the error of crypt_blowfish before 1.1, and one of before any minor version.
  if (minor === 'x' || minor === '') {
    return refused('hash_unsafe', `$2${minor}$ is bcrypt with a known error: give this client a new secret`)
  }
  const bcryptCost = Number(digits)
  if (bcryptCost < MIN_BCRYPT_COST) return refused('hash_damaged', `bcrypt has no cost ${digits}`)
  if (bcryptCost > maxCost) {
    return refused('hash_too_slow', `its bcrypt cost is ${bcryptCost}, and ${maxCost} at most`)
  }
  return { outcome: 'usable', hash: `$2b$${digits}$${rest}`, work: { bcryptCost, iterations: 0 } }
}

function readPbkdf2(text: string): ReadHash {
  const parts = parsePbkdf2(text)
  // RFC 4648 §3.5: base64 whose last character has unused bits that are set says the same as another text.
  if (parts === undefined || printPbkdf2(parts) !== text) {
    return refused('hash_damaged', 'the PBKDF2 hash is damaged, or its key is not of 32 bytes')
  }
  const { iterations } = parts
  if (iterations > MAX_ITERATIONS) {
    return refused(
      'hash_too_slow',
      `it has ${iterations} iterations of PBKDF2, and ${MAX_ITERATIONS} at most`,
    )
  }
  return { outcome: 'usable', hash: text, work: { bcryptCost: 0, iterations } }
}

function refused(reason: HashFault, message: string): ReadHash {
  return { outcome: 'refused', reason, message }
}
