/** Hashes that come from elsewhere: which ones are taken, in which form they are stored, and which nobody may bring. */
import fc from 'fast-check'
import {
  MAX_BCRYPT_COST,
  MAX_ITERATIONS,
  parsePbkdf2,
  printPbkdf2,
  readHash,
  STORED_HASH,
  workOf,
} from '../../src/clients/hash-forms.ts'

const REST = 'N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy'
// Made with Python's hashlib, in the form that Ory's hasher prints.
const HYDRA = '$pbkdf2-sha256$i=25000,l=32$AAECAwQFBgcICQoLDA0ODw$Z4qHcyrQC04D3zR6ahhTn1QxPJFtxaYA+vuhvamk5Yk'
const bcrypt = (bcryptCost: number) => ({ bcryptCost, iterations: 0 })
const usable = (hash: string, work: object) => ({ outcome: 'usable', hash, work })
const refused = (reason: string) => ({ outcome: 'refused', reason, message: expect.any(String) })

describe('readHash', () => {
  it.each([
    ['as Regent writes it', `$2b$10$${REST}`, usable(`$2b$10$${REST}`, bcrypt(10))],
    ['as Go writes it', `$2a$12$${REST}`, usable(`$2b$12$${REST}`, bcrypt(12))],
    ['as PHP writes it', `$2y$04$${REST}`, usable(`$2b$04$${REST}`, bcrypt(4))],
    ['made by what had an error', `$2x$10$${REST}`, refused('hash_unsafe')],
    ['older than any minor version', `$2$10$${REST}`, refused('hash_unsafe')],
    ['of cost 31, which takes a day', `$2b$31$${REST}`, refused('hash_too_slow')],
    ['of cost 13', `$2a$13$${REST}`, refused('hash_too_slow')],
    ['of cost 99', `$2a$99$${REST}`, refused('hash_too_slow')],
    ['of a cost that there is not', `$2b$03$${REST}`, refused('hash_damaged')],
    ['cut short', `$2b$10$${REST.slice(1)}`, refused('hash_damaged')],
    ['with a line after it', `$2b$10$${REST}\n`, refused('hash_damaged')],
    ['of a minor version that there is not', `$2c$10$${REST}`, refused('hash_damaged')],
  ])('bcrypt %s', (_case, text, outcome) => {
    expect(readHash(text)).toEqual(outcome)
  })

  it.each([
    ['as Hydra writes it', HYDRA, usable(HYDRA, { bcryptCost: 0, iterations: 25_000 })],
    ['with 10^9 iterations', HYDRA.replace('25000', '1000000000'), refused('hash_too_slow')],
    ['with one iteration too many', HYDRA.replace('25000', '600001'), refused('hash_too_slow')],
    ['with no iterations', HYDRA.replace('25000', '0'), refused('hash_damaged')],
    ['with a number that is none', HYDRA.replace('25000', '1e9'), refused('hash_damaged')],
    ['with a longer key, which takes twice the time', HYDRA.replace('l=32', 'l=64'), refused('hash_damaged')],
    ['with a salt of 10 MB', HYDRA.replace('AAEC', 'A'.repeat(13_981_014)), refused('hash_damaged')],
    ['with a salt of three bytes', HYDRA.replace('AAECAwQFBgcICQoLDA0ODw', 'AAEC'), refused('hash_damaged')],
    ['whose salt is no base64', HYDRA.replace('ODw$', 'OD$'), refused('hash_damaged')],
    ['whose last character says more than it should', HYDRA.replace(/k$/, 'l'), refused('hash_damaged')],
    ['with padding', `${HYDRA}=`, refused('hash_damaged')],
  ])('PBKDF2 %s', (_case, text, outcome) => {
    expect(readHash(text)).toEqual(outcome)
  })

  it.each([
    '',
    'plain text',
    '5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8',
    '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaA',
    // SHA-3 behind the name of SHA-2, as Ory reads it.
    HYDRA.replace('sha256', 'sha384'),
    'x'.repeat(14_000_000),
  ])('knows nothing of others', (text) => {
    expect(readHash(text)).toEqual({ outcome: 'unknown' })
  })

  it('takes what costs as much as new hashes do', () => {
    expect(readHash(`$2b$13$${REST}`, 14)).toEqual(usable(`$2b$13$${REST}`, bcrypt(13)))
    expect(readHash(`$2b$15$${REST}`, 14)).toEqual(refused('hash_too_slow'))
    expect(readHash(`$2b$12$${REST}`, 4)).toEqual(usable(`$2b$12$${REST}`, bcrypt(12)))
  })

  it('takes what is within the bounds, of a stored form, and says what it costs', () => {
    const hashes = fc.oneof(
      fc
        .record({
          iterations: fc.integer({ min: 1, max: MAX_ITERATIONS }),
          salt: fc.uint8Array({ minLength: 8, maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
          key: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
        })
        .map((parts) => {
          expect(parsePbkdf2(printPbkdf2(parts))).toEqual(parts)
          return printPbkdf2(parts)
        }),
      fc
        .integer({ min: 4, max: MAX_BCRYPT_COST })
        .map((cost) => `$2b$${String(cost).padStart(2, '0')}$${REST}`),
    )
    fc.assert(
      fc.property(hashes, (hash) => {
        expect(readHash(hash)).toEqual(usable(hash, workOf(hash)))
        expect(hash).toMatch(STORED_HASH)
      }),
    )
  })
})
