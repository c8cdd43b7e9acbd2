/** AES-256-GCM under master keys: what belongs to one name opens under no other, and nothing that was touched opens. */
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { parseMasterKeys, type MasterKeys } from '../../src/sealing/master-keys.ts'
import { sealing } from '../../src/sealing/seal.ts'

/** Node's words for a wrong key, other names, changed bytes; for a nonce or a tag that was cut. */
const NOT_OPENED = /unable to authenticate data|Invalid (?:authentication tag|initialization vector)/

const encoded = (byte: number, length = 32) => Buffer.alloc(length, byte).toString('base64')

function keys(text: string): MasterKeys {
  const parsed = parseMasterKeys(text)
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed
}

describe('parseMasterKeys', () => {
  it('reads one key or several, the first of which seals', () => {
    expect(keys(`2026:${encoded(1)}`).map(({ id }) => id)).toEqual(['2026'])
    const three = keys(`2026-b:${encoded(3)}, 2026-a:${encoded(2)} ,2025._-:${encoded(1)}`)
    expect(three.map(({ id }) => id)).toEqual(['2026-b', '2026-a', '2025._-'])
    expect(three.map(({ key }) => [key.type, key.symmetricKeySize])).toEqual(
      Array.from({ length: 3 }, () => ['secret', 32]),
    )
  })

  it.each([
    ['nothing', '', 'key 1'],
    ['a key without an id', encoded(1), 'key 1'],
    ['an empty id', `:${encoded(1)}`, 'key 1'],
    ['an id with a space', `a b:${encoded(1)}`, 'key 1'],
    ['an id of 65 characters', `${'a'.repeat(65)}:${encoded(1)}`, 'key 1'],
    ['a colon too many', `a:b:${encoded(1)}`, 'key 1'],
    ['an id alone', 'a', 'key 1'],
    ['31 bytes', `a:${encoded(1, 31)}`, 'key 1'],
    ['33 bytes', `a:${encoded(1, 33)}`, 'key 1'],
    ['base64url', `a:${Buffer.alloc(32, 0xff).toString('base64url')}`, 'key 1'],
    ['base64 without padding', `a:${encoded(1).replace('=', '')}`, 'key 1'],
    ['hexadecimal digits', `a:${Buffer.alloc(32, 1).toString('hex')}`, 'key 1'],
    ['a line end within', `a:${encoded(1).slice(0, 20)}\n${encoded(1).slice(20)}`, 'key 1'],
    ['an id twice', `a:${encoded(1)},a:${encoded(2)}`, 'key 2'],
    ['a comma at the end', `a:${encoded(1)},`, 'key 2'],
  ])('refuses %s, says which key it is, and repeats nothing of it', (_case, text, which) => {
    const said = parseMasterKeys(text)
    expect(said).toMatch(which)
    for (const part of text.split(/[:,\s]/).filter(({ length }) => length > 8))
      expect(said).not.toContain(part)
  })
})

describe('sealing', () => {
  const one = sealing(keys(`a:${randomBytes(32).toString('base64')}`))
  const [a] = one.ids
  const names = fc.array(fc.string({ unit: 'binary', maxLength: 12 }), { maxLength: 5 })

  it('opens what it sealed, byte by byte, for the same names', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), names, (bytes, belonging) => {
        const plain = Buffer.from(bytes)
        const sealed = one.seal(plain, belonging, a)
        expect(sealed.masterKeyId).toBe('a')
        expect(sealed.bytes).toHaveLength(plain.length + 28)
        expect(one.open(sealed, belonging)).toEqual(plain)
      }),
    )
  })

  it('opens for no other list of names, however the letters are shared out', () => {
    const parted = fc
      .tuple(fc.string({ maxLength: 8 }), fc.nat(8), fc.nat(8))
      .map(([text, first, second]) => {
        const part = (at: number) => [text.slice(0, at), text.slice(at)]
        return [part(first), part(second)] as const
      })
    const lists = fc.oneof(fc.tuple(names, names), parted)
    fc.assert(
      fc.property(lists, ([belonging, other]) => {
        fc.pre(JSON.stringify(belonging) !== JSON.stringify(other))
        const sealed = one.seal(Buffer.from('secret'), belonging, a)
        expect(() => one.open(sealed, other)).toThrow(NOT_OPENED)
      }),
      { numRuns: 300 },
    )
  })

  it('opens nothing of which a single bit was changed, or an end was cut off', () => {
    const belonging = ['eu', 'tenant', 'workspace', 'kid']
    const sealed = one.seal(Buffer.from('a private key'), belonging, a)
    for (let bit = 0; bit < sealed.bytes.length * 8; bit++) {
      const bytes = Buffer.from(sealed.bytes)
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      expect(() => one.open({ ...sealed, bytes }, belonging)).toThrow(NOT_OPENED)
    }
    for (let length = 0; length < sealed.bytes.length; length++) {
      expect(() => one.open({ ...sealed, bytes: sealed.bytes.subarray(0, length) }, belonging)).toThrow(
        NOT_OPENED,
      )
      expect(() => one.open({ ...sealed, bytes: sealed.bytes.subarray(length + 1) }, belonging)).toThrow(
        NOT_OPENED,
      )
    }
  })

  it('never seals twice alike', () => {
    const plain = Buffer.alloc(32)
    const nonces = Array.from({ length: 1000 }, () =>
      one.seal(plain, [], a).bytes.subarray(0, 12).toString('hex'),
    )
    expect(new Set(nonces).size).toBe(1000)
  })

  it('seals and opens under the master key that is named, of those that are known', () => {
    const before = sealing(keys(`2025:${encoded(1)}`))
    const old = before.seal(Buffer.from('x'), ['kid'], before.ids[0])
    const both = sealing(keys(`2026:${encoded(2)},2025:${encoded(1)}`))
    expect(both.open(old, ['kid']).toString()).toBe('x')
    expect(both.ids).toEqual(['2026', '2025'])
    expect(both.seal(Buffer.from('x'), [], both.ids[0]).masterKeyId).toBe('2026')
    expect(() => before.seal(Buffer.from('x'), [], both.ids[0])).toThrow('2026 is not known')
    expect(() => both.open({ ...old, masterKeyId: '2026' }, ['kid'])).toThrow(NOT_OPENED)
    expect(() => sealing(keys(`2026:${encoded(2)}`)).open(old, ['kid'])).toThrow('2025 is not known')
    // The same id with another key, as after a wrong restore.
    expect(() => sealing(keys(`2025:${encoded(9)}`)).open(old, ['kid'])).toThrow(NOT_OPENED)
  })
})
