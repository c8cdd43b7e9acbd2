/** How many lines of a kind the log has in a second: what happens ten thousand times is not worth ten thousand lines. */

const LINES_A_SECOND = 10

/** Lines of a kind that may still be written in this second, and how many there were beyond. */
export function lineLimit() {
  const counts = new Map<string, number>()
  return {
    allows(kind: string): boolean {
      const count = (counts.get(kind) ?? 0) + 1
      counts.set(kind, count)
      return count <= LINES_A_SECOND
    },
    takeSurplus(): readonly (readonly [string, number])[] {
      const surplus = [...counts].filter(([, count]) => count > LINES_A_SECOND)
      counts.clear()
      return surplus.map(([kind, count]) => [kind, count - LINES_A_SECOND])
    },
  }
}
