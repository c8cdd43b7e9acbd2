/**
 * Frames that two readers may read differently (RFC 9112 §6.3, §11.2): what one takes for the end of the message, the
 * other takes for its middle, and the bytes behind it for a request of their own.
 */
export type Frame = readonly [name: string, headers: readonly string[], body: string]

/** @param smuggled the bytes that follow */
export function framesBefore(smuggled: string): readonly Frame[] {
  return [
    ['a Content-Length beside chunks', ['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\n'],
    ['chunks beside a Content-Length', ['Transfer-Encoding: chunked', 'Content-Length: 5'], '0\r\n\r\n'],
    ['two lengths', ['Content-Length: 0', `Content-Length: ${smuggled.length}`], ''],
    ['two equal lengths', ['Content-Length: 0', 'Content-Length: 0'], ''],
    ['a list of lengths', ['Content-Length: 0, 0'], ''],
    ['a coding that is unknown', ['Transfer-Encoding: xchunked'], '0\r\n\r\n'],
    ['a coding before chunked', ['Transfer-Encoding: gzip, chunked'], '0\r\n\r\n'],
    ['chunked twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], '0\r\n\r\n'],
    ['a coding behind chunked', ['Transfer-Encoding: chunked, identity'], '0\r\n\r\n'],
    ['a space before the colon', ['Transfer-Encoding : chunked'], '0\r\n\r\n'],
    ['a vertical tab before chunked', ['Transfer-Encoding: \x0bchunked'], '0\r\n\r\n'],
    ['a folded coding', ['Transfer-Encoding:\r\n chunked'], '0\r\n\r\n'],
    ['a bare carriage return', ['X: y\rTransfer-Encoding: chunked'], '0\r\n\r\n'],
    ['a bare line feed', ['X: y\nTransfer-Encoding: chunked'], '0\r\n\r\n'],
    ['a chunk size with a prefix', ['Transfer-Encoding: chunked'], '0x0\r\n\r\n'],
    ['a chunk size that overflows', ['Transfer-Encoding: chunked'], '10000000000000000\r\n\r\n'],
    ['chunks with bare line feeds', ['Transfer-Encoding: chunked'], '0\n\n'],
    ['a NUL in a chunk extension', ['Transfer-Encoding: chunked'], '0;a=\0\r\n\r\n'],
  ]
}

/** What some readers take for `Transfer-Encoding: chunked`, and others for nothing, or for an error. */
const CODINGS: readonly (readonly [name: string, header: string])[] = [
  ['as it is', 'Transfer-Encoding: chunked'],
  ['in mixed case', 'tRANSFER-eNCODING: cHUNKED'],
  ['with a tab', 'Transfer-Encoding:\tchunked'],
  ['with spaces behind', 'Transfer-Encoding: chunked \t'],
  ['with a space before the colon', 'Transfer-Encoding : chunked'],
  ['with a tab before the colon', 'Transfer-Encoding\t: chunked'],
  ['with a space before the name', ' Transfer-Encoding: chunked'],
  ['with an underscore', 'Transfer_Encoding: chunked'],
  ['with NUL in the name', 'Transfer-Encoding\0: chunked'],
  ['with NUL', 'Transfer-Encoding: chunked\0'],
  ['with a vertical tab', 'Transfer-Encoding: \x0bchunked'],
  ['with a form feed', 'Transfer-Encoding: chunked\x0c'],
  ['with a byte beyond ASCII', 'Transfer-Encoding: \xa0chunked'],
  ['in quotes', 'Transfer-Encoding: "chunked"'],
  ['with a parameter', 'Transfer-Encoding: chunked;q=1'],
  ['with a letter more', 'Transfer-Encoding: xchunked'],
  ['with an empty element', 'Transfer-Encoding: ,chunked'],
  ['behind identity', 'Transfer-Encoding: identity, chunked'],
  ['before identity', 'Transfer-Encoding: chunked, identity'],
  ['behind gzip', 'Transfer-Encoding: gzip, chunked'],
  ['twice in a list', 'Transfer-Encoding: chunked, chunked'],
  ['twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked'],
  ['and then identity', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity'],
  ['after identity', 'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked'],
  ['after an empty one', 'Transfer-Encoding:\r\nTransfer-Encoding: chunked'],
  ['folded', 'Transfer-Encoding:\r\n chunked'],
  ['in the fold of another', 'X: y\r\n Transfer-Encoding: chunked'],
  ['behind a bare carriage return', 'X: y\rTransfer-Encoding: chunked'],
  ['behind a bare line feed', 'X: y\nTransfer-Encoding: chunked'],
  ['behind two carriage returns', 'X: y\r\r\nTransfer-Encoding: chunked'],
  ['named as of this connection only', 'Transfer-Encoding: chunked\r\nConnection: Transfer-Encoding'],
]

/** What some readers take for the one, and others for the other. */
const LENGTHS: readonly (readonly [
  name: string,
  headers: (one: number, other: number) => readonly string[],
])[] = [
  ['two', (one, other) => [`Content-Length: ${one}`, `Content-Length: ${other}`]],
  ['a list', (one, other) => [`Content-Length: ${one}, ${other}`]],
  ['a space between', (one, other) => [`Content-Length: ${one} ${other}`]],
  ['a fold between', (one, other) => [`Content-Length: ${one}\r\n ${other}`]],
  [
    'one with a space before the colon',
    (one, other) => [`Content-Length : ${one}`, `Content-Length: ${other}`],
  ],
  ['one with an underscore', (one, other) => [`Content_Length: ${one}`, `Content-Length: ${other}`]],
  ['one with a sign', (one, other) => [`Content-Length: +${one}`, `Content-Length: ${other}`]],
  [
    'one behind a bare line feed',
    (one, other) => [`X: y\nContent-Length: ${one}`, `Content-Length: ${other}`],
  ],
  [
    'one behind a bare carriage return',
    (one, other) => [`X: y\rContent-Length: ${one}`, `Content-Length: ${other}`],
  ],
  ['one with NUL', (one, other) => [`Content-Length: ${one}\0`, `Content-Length: ${other}`]],
  [
    'one of this connection only',
    (_one, other) => [`Content-Length: ${other}`, 'Connection: Content-Length'],
  ],
  ['one in hexadecimal', (one) => [`Content-Length: 0x${one.toString(16)}`]],
  [
    'one that is expected',
    (one, other) => [`Content-Length: ${Math.max(one, other)}`, 'Expect: x 100-continue'],
  ],
]

const END = '0\r\n\r\n'
const hex = (size: number) => size.toString(16)

/** Chunks that end, for some readers, before the planted bytes, and for others behind them. */
const CHUNKS: readonly (readonly [name: string, body: (planted: string) => string])[] = [
  ['a bare line feed in an extension', (planted) => `0;a\n\r\n\r\n${planted}`],
  ['a bare carriage return in an extension', (planted) => `0;a\r${planted}\r\n\r\n`],
  ['a bare line feed behind the size', (planted) => `0\n\r\n${planted}`],
  ['a bare line feed behind the last chunk', (planted) => `0\r\n\n${planted}`],
  ['bare carriage returns', (planted) => `0\r\r${planted}`],
  [
    'any two bytes for the end of a chunk',
    (planted) => `1\r\nxyy${hex(planted.length)}\r\n${planted}\r\n0\r\n\r\n`,
  ],
  ['a size that wraps around', (planted) => `10000000000000000\r\n\r\n${planted}`],
  [
    'a size that wraps around to the planted',
    (planted) => `1${hex(planted.length).padStart(16, '0')}\r\n${planted}\r\n0\r\n\r\n`,
  ],
  ['a size with a prefix', (planted) => `0x0\r\n\r\n${planted}`],
  ['a size with a sign', (planted) => `-0\r\n\r\n${planted}`],
  ['a size with a space', (planted) => `0 \r\n\r\n${planted}`],
  ['a size that is empty', (planted) => `\r\n\r\n${planted}`],
  ['a size that ends in another letter', (planted) => `0g\r\n\r\n${planted}`],
  ['a NUL in an extension', (planted) => `0;\0\r\n\r\n${planted}`],
  ['a trailer that is no header', (planted) => `0\r\n${planted}`],
  ['a trailer that is folded', (planted) => `0\r\nX: y\r\n z\r\n\r\n${planted}`],
  ['a trailer that is a length', (planted) => `0\r\nContent-Length: ${planted.length}\r\n\r\n${planted}`],
  ['a trailer that is a Host', (planted) => `0\r\nHost: rival.eu.token.example\r\n\r\n${planted}`],
]

/**
 * Frames with two ends, the last of them behind a whole request. By the length alone that is a body; who prefers chunks
 * closes the connection behind them (RFC 9112 §6.3), so that it is nothing at all.
 * @param planted the request
 */
export function contestedFrames(planted: string): readonly Frame[] {
  return [
    ...CODINGS.map(([name, coding]): Frame => [
      `a length, and chunked ${name}`,
      [`Content-Length: ${END.length + planted.length}`, coding],
      END + planted,
    ]),
    ...LENGTHS.map(([name, headers]): Frame => [`lengths: ${name}`, headers(0, planted.length), planted]),
  ]
}

/** Frames that end before or behind the planted request, as one reads them, or are none. */
export function doubtfulFrames(planted: string): readonly Frame[] {
  const size = `${hex(planted.length)}\r\n`
  return [
    ...CODINGS.flatMap(([name, coding]): readonly Frame[] => [
      [
        `chunked ${name}, and a length of the first line`,
        [coding, `Content-Length: ${size.length}`],
        `${size}${planted}\r\n${END}`,
      ],
      [`chunked ${name}, without a length`, [coding], END + planted],
    ]),
    ...LENGTHS.map(([name, headers]): Frame => [
      `lengths: ${name}, in the other order`,
      headers(planted.length, 0),
      planted,
    ]),
    ...CHUNKS.map(([name, body]): Frame => [
      `chunks: ${name}`,
      ['Transfer-Encoding: chunked'],
      body(planted),
    ]),
  ]
}
