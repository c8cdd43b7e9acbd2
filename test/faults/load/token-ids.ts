/**
 * The ids of all tokens seen, as 64 bits of a hash each, in open addressing: a million take 17 MB. Two
 * different ids among ten million share their 64 bits with a probability of 3 in a million.
 */
import { createHash } from 'node:crypto'

export type TokenIds = ReturnType<typeof tokenIds>

export function tokenIds(capacity = 1 << 16) {
  let size = capacity
  let slots = new Uint32Array(2 * size)
  let count = 0

  /** @returns whether it was not there before */
  const put = (table: Uint32Array, high: number, low: number): boolean => {
    const mask = table.length / 2 - 1
    for (let at = low & mask; ; at = (at + 1) & mask) {
      const [foundHigh, foundLow] = [table[2 * at], table[2 * at + 1]]
      if (foundHigh === high && foundLow === low) return false
      if (foundHigh === 0 && foundLow === 0) {
        table[2 * at] = high
        table[2 * at + 1] = low
        return true
      }
    }
  }

  const grow = () => {
    const larger = new Uint32Array(4 * size)
    for (let at = 0; at < size; at++) {
      const [high = 0, low = 0] = [slots[2 * at], slots[2 * at + 1]]
      if (high !== 0 || low !== 0) put(larger, high, low)
    }
    slots = larger
    size *= 2
  }

  return {
    count: () => count,
    /** @returns whether it was not there before */
    add(id: string): boolean {
      if (2 * count >= size) grow()
      const digest = createHash('sha256').update(id).digest()
      // Nothing but zeros marks a free slot.
      const isNew = put(slots, digest.readUInt32LE(0) || 1, digest.readUInt32LE(4))
      if (isNew) count += 1
      return isNew
    },
  }
}
