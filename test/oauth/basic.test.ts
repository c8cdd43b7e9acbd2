import fc from 'fast-check'
import { readBasic } from '../../src/oauth/basic.ts'
import { OAuthError } from '../../src/oauth/error.ts'
import { readValue } from './form-grammar.ts'
import { spelled, wounded } from './spelling.ts'

type Credentials = { clientId: string; secret: string }

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** RFC 4648 §4, canonical (§3.5): sextets to bytes, each left-over bit zero, padded to four characters. */
function readBase64(text: string): readonly number[] | undefined {
  const plain = text.replace(/={1,2}$/, '')
  if (text === '' || text.length % 4 !== 0 || plain.length % 4 === 1) return undefined
  if ((4 - (plain.length % 4)) % 4 !== text.length - plain.length) return undefined
  const sextets = Array.from(plain, (letter) => ALPHABET.indexOf(letter))
  if (sextets.includes(-1)) return undefined
  const bits = sextets.map((sextet) => sextet.toString(2).padStart(6, '0')).join('')
  const whole = bits.length - (bits.length % 8)
  if (bits.slice(whole).includes('1')) return undefined
  return Array.from({ length: whole / 8 }, (_, index) =>
    Number.parseInt(bits.slice(index * 8, index * 8 + 8), 2),
  )
}

/** RFC 7617 §2 with RFC 6749 §2.3.1; the values are VSCHAR (Appendix A.1, A.2), and neither is empty. */
function readByGrammar(header: string): Credentials | undefined {
  const space = header.indexOf(' ')
  if (space === -1 || header.slice(0, space).toUpperCase() !== 'BASIC') return undefined
  // RFC 9110 §11.4: auth-scheme 1*SP token68
  let at = space
  while (header[at] === ' ') at += 1
  const bytes = readBase64(header.slice(at))
  const colon = bytes?.indexOf(0x3a) ?? -1
  if (bytes === undefined || colon === -1) return undefined
  const [clientId, secret] = [readValue(bytes.slice(0, colon)), readValue(bytes.slice(colon + 1))]
  if (clientId === undefined || secret === undefined || clientId === '' || secret === '') return undefined
  const isVschar = (text: string) => Array.from(text).every((letter) => letter >= ' ' && letter <= '~')
  return isVschar(clientId) && isVschar(secret) ? { clientId, secret } : undefined
}

function read(header: string): Credentials | undefined {
  try {
    return readBasic(header)
  } catch (error) {
    expect(error).toBeInstanceOf(OAuthError)
    expect(error).toMatchObject({ code: 'invalid_client', status: 401 })
    return undefined
  }
}

const text = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 })
const clientId = spelled(text, (letter) => !'%+: '.includes(letter))
// A colon in the secret is no end of anything (RFC 7617 §2).
const secret = spelled(text, (letter) => !'%+ '.includes(letter))
const scheme = fc.tuple(fc.constantFrom('Basic', 'basic', 'BASIC', 'bAsIc'), fc.integer({ min: 1, max: 3 }))
const credentials = fc.tuple(clientId, secret).map(([id, word]) => ({
  expected: { clientId: id.text, secret: word.text },
  bytes: [...id.bytes, 0x3a, ...word.bytes],
}))
const print = ([name, spaces]: readonly [string, number], bytes: readonly number[]) =>
  `${name}${' '.repeat(spaces)}${Buffer.from(bytes).toString('base64')}`

describe('T21 Basic credentials, held against their grammar (RFC 7617 §2, RFC 6749 §2.3.1)', () => {
  it('are read as what they were made from', () => {
    fc.assert(
      fc.property(scheme, credentials, (by, { expected, bytes }) => {
        expect(readByGrammar(print(by, bytes))).toEqual(expected)
        expect(read(print(by, bytes))).toEqual(expected)
      }),
      { numRuns: 2000 },
    )
  })

  it('are read, when changed before base64, only where the grammar reads them, and in the same way', () => {
    const outcomes = { read: 0, refused: 0 }
    fc.assert(
      fc.property(scheme, wounded(credentials.map(({ bytes }) => bytes)), (by, bytes) => {
        const expected = readByGrammar(print(by, bytes))
        expect(read(print(by, bytes))).toEqual(expected)
        outcomes[expected === undefined ? 'refused' : 'read'] += 1
      }),
      { numRuns: 5000 },
    )
    expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(200)
  })

  it('are read, when changed behind it, only where the grammar reads them, and in the same way', () => {
    const outcomes = { read: 0, refused: 0 }
    const header = fc.tuple(scheme, credentials).map(([by, { bytes }]) => [...Buffer.from(print(by, bytes))])
    // As Node hands on a header: one character for each byte.
    const changed = fc.oneof(
      wounded(header).map((bytes) => Buffer.from(bytes).toString('latin1')),
      fc
        .tuple(
          header,
          fc.constantFrom('=', '==', ' ', '\t', 'A', '_', '-', ',', ' x', '\n', '.', '~'),
          fc.boolean(),
        )
        .map(([bytes, more, front]) => {
          const whole = Buffer.from(bytes).toString('latin1')
          return front ? more + whole : whole + more
        }),
      // RFC 9110 §11.4: spaces stand behind the scheme, and nothing else that looks like one.
      fc
        .tuple(header, fc.constantFrom('', '\t', ' \t', '\t ', '\xa0', ',', '=', '   '))
        .map(([bytes, between]) => Buffer.from(bytes).toString('latin1').replace(/ +/, between)),
    )
    fc.assert(
      fc.property(changed, (line) => {
        const expected = readByGrammar(line)
        expect(read(line)).toEqual(expected)
        outcomes[expected === undefined ? 'refused' : 'read'] += 1
      }),
      { numRuns: 5000 },
    )
    expect(outcomes.refused).toBeGreaterThan(200)
    expect(outcomes.read).toBeGreaterThan(5)
  })
})
