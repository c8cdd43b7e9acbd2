/** Joins parts so that no two lists of parts make the same bytes: each with its length in front. */
export function frame(parts: readonly string[]): Buffer {
  const size = parts.reduce((sum, part) => sum + 4 + Buffer.byteLength(part), 0)
  const framed = Buffer.allocUnsafe(size)
  let at = 0
  for (const part of parts) {
    const length = framed.write(part, at + 4, 'utf8')
    framed.writeUInt32BE(length, at)
    at += 4 + length
  }
  return framed
}
