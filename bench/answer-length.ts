/** How long an answer of HTTP is whose first bytes have come: as much as whoever sends load has to know of it. */

const HEADER_END = Buffer.from('\r\n\r\n')

/** Of the whole answer; infinite while its header is not complete. */
export function answerLength(data: Buffer): number {
  const at = data.indexOf(HEADER_END)
  if (at === -1) return Number.POSITIVE_INFINITY
  const header = data.toString('latin1', 0, at)
  const [, length = '0'] = /\r\ncontent-length: *(\d+)/i.exec(header) ?? []
  return at + HEADER_END.length + Number(length)
}
