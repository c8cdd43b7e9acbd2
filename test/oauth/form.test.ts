import fc from 'fast-check'
import { OAuthError } from '../../src/oauth/error.ts'
import { readForm, readParameterNames } from '../../src/oauth/form.ts'
import { readForm as readByGrammar, type Pair } from './form-grammar.ts'
import { spelled, wounded } from './spelling.ts'

const SINGLE = ['grant_type', 'scope', 'client_id', 'client_secret', '__proto__', 'constructor'] as const
const REPEATABLE = ['resource', 'audience'] as const

/** What §3.2 makes of the pairs: a repeated parameter is refused, an empty one is absent, others are dropped. */
function meaningOf(pairs: readonly Pair[]): Record<string, unknown> | undefined {
  const valuesOf = (name: string) => pairs.filter(([key]) => key === name).map(([, value]) => value)
  if (SINGLE.some((name) => valuesOf(name).length > 1)) return undefined
  const entries = [
    ...REPEATABLE.map((name) => [name, valuesOf(name).filter((value) => value !== '')] as const),
    ...SINGLE.flatMap((name) =>
      valuesOf(name)
        .filter((value) => value !== '')
        .map((value) => [name, value] as const),
    ),
  ]
  return Object.fromEntries(entries)
}

/** As own properties only: comparing by `__proto__` would look elsewhere. */
const entriesOf = (form: object | undefined) =>
  form && Object.entries(form).toSorted(([one], [other]) => (one < other ? -1 : 1))

function read(bytes: readonly number[]): object | undefined {
  try {
    return readForm(Uint8Array.from(bytes), SINGLE, REPEATABLE)
  } catch (error) {
    expect(error).toBeInstanceOf(OAuthError)
    expect(error).toMatchObject({ code: 'invalid_request', status: 400 })
    return undefined
  }
}

const isPlain = (character: string) => !'%&=+\0 '.includes(character)
const name = fc.oneof(
  { arbitrary: fc.constantFrom<string>(...SINGLE, ...REPEATABLE), weight: 3 },
  { arbitrary: fc.string({ unit: 'binary', maxLength: 8 }), weight: 1 },
)
const clean = (text: string) => !text.includes('\0') && !/\p{Surrogate}/u.test(text)
const value = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constant(''),
)
const pair = fc.tuple(
  spelled(name.filter(clean), isPlain),
  spelled(value.filter(clean), isPlain),
  fc.boolean(),
)
const form = fc.array(pair, { minLength: 1, maxLength: 8 }).map((all) => ({
  pairs: all.map(([key, content]): Pair => [key.text, content.text]),
  bytes: all.flatMap(([key, content, equals], index) => [
    ...(index === 0 ? [] : [0x26]),
    ...key.bytes,
    // A parameter without a value may come without its equals sign.
    ...(content.bytes.length > 0 || equals ? [0x3d, ...content.bytes] : []),
  ]),
}))

describe('T43 forms, held against their grammar (RFC 6749 Appendix B)', () => {
  it('reads what the grammar makes, and means what it says', () => {
    let accepted = 0
    fc.assert(
      fc.property(form, ({ pairs, bytes }) => {
        expect(readByGrammar(bytes)).toEqual(pairs)
        expect(entriesOf(read(bytes))).toEqual(entriesOf(meaningOf(pairs)))
        if (meaningOf(pairs) !== undefined) accepted += 1
      }),
      { numRuns: 2000 },
    )
    expect(accepted).toBeGreaterThan(500)
  })

  it('reads a changed form only where the grammar does, and in the same way', () => {
    const outcomes = { read: 0, refused: 0 }
    fc.assert(
      fc.property(wounded(form.map(({ bytes }) => bytes)), (bytes) => {
        const pairs = readByGrammar(bytes)
        expect(entriesOf(read(bytes))).toEqual(entriesOf(pairs && meaningOf(pairs)))
        outcomes[pairs === undefined ? 'refused' : 'read'] += 1
      }),
      { numRuns: 5000 },
    )
    expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(200)
  })

  it('finds the same names in a query', () => {
    fc.assert(
      fc.property(form, ({ pairs, bytes }) => {
        const query = Buffer.from(bytes).toString('latin1')
        fc.pre(bytes.every((byte) => byte < 0x80))
        expect(readParameterNames(query)).toEqual(pairs.map(([key]) => key))
      }),
      { numRuns: 1000 },
    )
  })

  it('counts to 50 parameters, empty ones too', () => {
    const many = (count: number) => [...Buffer.from('&'.repeat(count - 1))]
    expect([read(many(50)), read(many(51))]).toEqual([{ resource: [], audience: [] }, undefined])
  })
})

describe('T44 names that mean something to JavaScript', () => {
  it('are names like any other: nothing is inherited, and nothing reaches a prototype', () => {
    const words = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__']
    const keys = fc.constantFrom(
      ...words,
      ...words.map((word) => `__proto__[${word}]`),
      'constructor.prototype.x',
    )
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(keys, fc.constantFrom('1', '{}', 'x')), { selector: ([key]) => key }),
        (pairs) => {
          const text = pairs.map(([key, content]) => `${encodeURIComponent(key)}=${content}`).join('&')
          const found = readForm(Buffer.from(text), words, [])
          expect(Object.getPrototypeOf(found)).toBeNull()
          expect(Object.entries(found).toSorted()).toEqual(
            pairs.filter(([key]) => words.includes(key)).toSorted(),
          )
          expect(Object.keys(Object.prototype)).toEqual([])
          expect(({} as Record<string, unknown>).x).toBeUndefined()
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('and 50 that would fall into one place of a weak table are read like others', () => {
    // Under the hash that multiplies by 31, `Aa` and `BB` are one, and so is every text made of them.
    const keys = Array.from({ length: 50 }, (_, index) =>
      Array.from(index.toString(2).padStart(6, '0'), (bit) => (bit === '0' ? 'Aa' : 'BB')).join(''),
    )
    const found = readForm(Buffer.from(keys.map((key) => `${key}=${key}`).join('&')), keys, [])
    expect(Object.entries(found)).toEqual(keys.map((key) => [key, key]))
  })
})
