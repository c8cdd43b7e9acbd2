/**
 * Frames that two readers may read differently (RFC 9112 §6.3, §11.2): what one takes for the end of the message, the
 * other takes for its middle, and the bytes behind it for a request of their own.
 */
type Frame = readonly [name: string, headers: readonly string[], body: string]

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
