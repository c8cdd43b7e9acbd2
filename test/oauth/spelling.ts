/** Texts as somebody may write them in a form, and what happens to texts on the way. */
import fc, { type Arbitrary } from 'fast-check'

const encoder = new TextEncoder()

export type Spelled = { readonly text: string; readonly bytes: readonly number[] }

/** Each character plain where the grammar allows that, or as `+`, or percent-encoded in either case. */
export function spelled(text: Arbitrary<string>, plain: (character: string) => boolean): Arbitrary<Spelled> {
  return fc.tuple(text, fc.nat()).map(([whole, seed]) => ({
    text: whole,
    bytes: Array.from(whole).flatMap((character, index) => {
      // Another one for each character: two bits of the seed, from a place that moves.
      const choice = (seed >>> ((index * 2) % 30)) & 3
      const own = [...encoder.encode(character)]
      if (character === ' ' && choice > 1) return [0x2b]
      if (choice > 0 && plain(character)) return own
      const digits = own.map((byte) => byte.toString(16).padStart(2, '0'))
      return digits.flatMap((pair) => {
        const written = choice % 2 === 0 ? pair.toUpperCase() : pair
        return [0x25, ...encoder.encode(written)]
      })
    }),
  }))
}

const WOUNDS =
  '% & = + ; %zz %f %ff %00 %26 %3d %c0%af %ed%a0%80 %f4%90%80%80 %e2%82 %2 : \0 \t é € \ufeff'.split(' ')

/** Bytes taken out and put in: some that mean something, some of any kind. */
export function wounded(bytes: Arbitrary<readonly number[]>): Arbitrary<readonly number[]> {
  const insert = fc.oneof(
    fc.constantFrom(...WOUNDS).map((text) => [...encoder.encode(text)]),
    fc.uint8Array({ maxLength: 4 }).map((some) => [...some]),
  )
  // At the front more often than by chance: a byte order mark means something only there.
  const where = fc.oneof({ arbitrary: fc.nat({ max: 999 }), weight: 4 }, fc.constant(0))
  const wound = fc.tuple(where, fc.nat({ max: 3 }), insert)
  return fc.tuple(bytes, fc.array(wound, { minLength: 1, maxLength: 2 })).map(([whole, wounds]) =>
    wounds.reduce<readonly number[]>((before, [thousandth, remove, more]) => {
      const at = Math.floor((thousandth * before.length) / 1000)
      return [...before.slice(0, at), ...more, ...before.slice(at + remove)]
    }, whole),
  )
}
