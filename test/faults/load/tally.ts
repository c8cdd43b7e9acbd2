/** What came of requests since a moment: counts by reason, and the longest time without a token, of each node and of all. */
export type Counts = Readonly<Record<string, number>>

export type Tally = {
  readonly issued: number
  /** Tokens that are not what was asked for. */
  readonly wrong: Counts
  /** Answers that a right client must not get, by status and error. */
  readonly refused: Counts
  /** 503 and broken connections: the client may ask again. */
  readonly failed: Counts
  /** Failed at one node, and then at another. */
  readonly lost: number
  readonly documents: number
  readonly documentsFailed: number
  /** Milliseconds. */
  readonly longestGap: number
  readonly longestGapOfNode: Counts
}

export type OpenTally = ReturnType<typeof openTally>

export function openTally(nodes: readonly string[], now: () => number = () => performance.now()) {
  const [wrong, refused, failed]: Record<string, number>[] = [{}, {}, {}]
  const counts = { issued: 0, lost: 0, documents: 0, documentsFailed: 0 }
  const gaps = new Map(['', ...nodes].map((name) => [name, { since: now(), longest: 0 }]))

  const pass = (name: string) => {
    const gap = gaps.get(name)
    if (gap === undefined) return
    gap.longest = Math.max(gap.longest, now() - gap.since)
    gap.since = now()
  }

  return {
    issued(node: string) {
      counts.issued += 1
      pass('')
      pass(node)
    },
    wrong: (reason: string) => add(wrong, reason),
    refused: (reason: string) => add(refused, reason),
    failed: (reason: string) => add(failed, reason),
    lost: () => void (counts.lost += 1),
    document(answered: boolean) {
      if (answered) counts.documents += 1
      else counts.documentsFailed += 1
    },
    /** The time since the last token counts as a gap too. */
    close(): Tally {
      for (const name of gaps.keys()) pass(name)
      const longest = [...gaps].map(([name, gap]) => [name, Math.round(gap.longest)] as const)
      return {
        ...counts,
        wrong: { ...wrong },
        refused: { ...refused },
        failed: { ...failed },
        longestGap: longest[0]?.[1] ?? 0,
        longestGapOfNode: Object.fromEntries(longest.slice(1)),
      }
    },
  }
}

export function total(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

function add(counts: Record<string, number> | undefined, reason: string): void {
  if (counts !== undefined) counts[reason] = (counts[reason] ?? 0) + 1
}
