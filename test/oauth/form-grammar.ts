/**
 * The grammar of `application/x-www-form-urlencoded` as RFC 6749 Appendix B uses it, written apart from the source: byte by
 * byte, with RFC 3629 §4 for UTF-8. A reader of its own, to hold ours against.
 */
export type Pair = readonly [name: string, value: string]

const isHex = (byte: number | undefined) =>
  byte !== undefined && '0123456789abcdefABCDEF'.includes(String.fromCodePoint(byte))
const hexValue = (byte: number) => '0123456789abcdef'.indexOf(String.fromCodePoint(byte).toLowerCase())

/** @returns the bytes behind `+` and `%xx`, or undefined where a percent sign has no two digits behind it */
function decodeBytes(bytes: readonly number[]): readonly number[] | undefined {
  const decoded: number[] = []
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0
    const [high, low] = [bytes[at + 1], bytes[at + 2]]
    if (byte === 0x2b) decoded.push(0x20)
    else if (byte !== 0x25) decoded.push(byte)
    else if (high !== undefined && low !== undefined && isHex(high) && isHex(low)) {
      decoded.push(hexValue(high) * 16 + hexValue(low))
      at += 2
    } else return undefined
  }
  return decoded
}

/** RFC 3629 §4, `UTF8-octets`: what may follow each first byte. */
const SEQUENCES: readonly (readonly [
  first: number,
  last: number,
  then: readonly (readonly [number, number])[],
])[] = [
  [0x00, 0x7f, []],
  [0xc2, 0xdf, [[0x80, 0xbf]]],
  [
    0xe0,
    0xe0,
    [
      [0xa0, 0xbf],
      [0x80, 0xbf],
    ],
  ],
  [
    0xe1,
    0xec,
    [
      [0x80, 0xbf],
      [0x80, 0xbf],
    ],
  ],
  [
    0xed,
    0xed,
    [
      [0x80, 0x9f],
      [0x80, 0xbf],
    ],
  ],
  [
    0xee,
    0xef,
    [
      [0x80, 0xbf],
      [0x80, 0xbf],
    ],
  ],
  [
    0xf0,
    0xf0,
    [
      [0x90, 0xbf],
      [0x80, 0xbf],
      [0x80, 0xbf],
    ],
  ],
  [
    0xf1,
    0xf3,
    [
      [0x80, 0xbf],
      [0x80, 0xbf],
      [0x80, 0xbf],
    ],
  ],
  [
    0xf4,
    0xf4,
    [
      [0x80, 0x8f],
      [0x80, 0xbf],
      [0x80, 0xbf],
    ],
  ],
]

/** @returns the characters, or undefined for what is no UTF-8 */
export function readUtf8(bytes: readonly number[]): string | undefined {
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at] ?? 0
    const sequence = SEQUENCES.find(([from, to]) => first >= from && first <= to)
    if (sequence === undefined) return undefined
    const then = sequence[2]
    const rest = bytes.slice(at + 1, at + 1 + then.length)
    if (rest.length < then.length) return undefined
    if (!then.every(([from, to], index) => (rest[index] ?? 0) >= from && (rest[index] ?? 0) <= to))
      return undefined
    const lead = then.length === 0 ? first : first & (0x3f >> then.length)
    text += String.fromCodePoint(rest.reduce((point, byte) => point * 64 + (byte & 0x3f), lead))
    at += 1 + then.length
  }
  return text
}

/** @returns a name or a value; undefined where it is none, NUL among them, which no parameter may contain */
export function readValue(bytes: readonly number[]): string | undefined {
  // Both layers are UTF-8: the bytes that were sent, and those behind the percent signs.
  if (readUtf8(bytes) === undefined) return undefined
  const decoded = decodeBytes(bytes)
  const text = decoded && readUtf8(decoded)
  return text?.includes('\0') ? undefined : text
}

/** @returns every pair in its order, or undefined for what is no form, or one of more than 50 parameters */
export function readForm(bytes: readonly number[]): readonly Pair[] | undefined {
  const pieces = split(bytes, 0x26)
  if (pieces.length > 50) return undefined
  const pairs: Pair[] = []
  for (const piece of pieces) {
    const equals = piece.indexOf(0x3d)
    const name = readValue(equals === -1 ? piece : piece.slice(0, equals))
    const value = equals === -1 ? '' : readValue(piece.slice(equals + 1))
    if (name === undefined || value === undefined) return undefined
    pairs.push([name, value])
  }
  return pairs
}

function split(bytes: readonly number[], at: number): readonly (readonly number[])[] {
  const next = bytes.indexOf(at)
  return next === -1 ? [bytes] : [bytes.slice(0, next), ...split(bytes.slice(next + 1), at)]
}
