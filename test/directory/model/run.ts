/**
 * Many random operations, in chunks that each begin with nothing. The first disagreement ends the run: its chunk is
 * shortened to the fewest operations that still disagree.
 */
import fc from 'fast-check'
import { openNodes } from './nodes.ts'
import { aim, operation, printOperation, type Operation } from './operations.ts'
import { placeOf, PLACES } from './place.ts'
import { play, type Counts } from './play.ts'
import { shortest } from './shortest.ts'

type Options = {
  readonly operations: number
  readonly seed: number
  /** Begins no further chunk after so long. */
  readonly seconds?: number
  readonly onProgress?: (done: number, counts: Counts) => void
  /** Told before its chunk is shortened, which may take long. */
  readonly onDisagreement?: (chunkSeed: number, message: string) => void
  /** Chances that a shorter part has to disagree again, where that depends on who is faster. */
  readonly chances?: number
}

export type Outcome = {
  readonly operations: number
  readonly counts: Counts
  /** Times that a node found that the feed is not the one that it had read. */
  readonly emptied: number
  readonly digests: { readonly stored: number; readonly forbidden: number }
  readonly disagreement: Disagreed | undefined
}

type Disagreed = {
  /** Operations that had begun. */
  readonly after: number
  readonly chunkSeed: number
  readonly message: string
  readonly path: readonly string[]
}

const CHUNK = 5000
const NONE = { stored: 0, forbidden: 0 }

export async function runModel({
  operations,
  seed,
  seconds = Number.POSITIVE_INFINITY,
  onProgress,
  onDisagreement,
  chances = 2,
}: Options): Promise<Outcome> {
  const nodes = await openNodes()
  const counts: Counts = {}
  let disagreement: Disagreed | undefined
  let done = 0
  const endsAt = performance.now() + seconds * 1000
  const fails = async (part: readonly Operation[]) => {
    for (let chance = 0; chance < chances; chance++) {
      if ((await play(nodes, part, {}).catch((error: unknown) => error)) !== undefined) return true
    }
    return false
  }

  try {
    while (done < operations && disagreement === undefined && performance.now() < endsAt) {
      const numRuns = Math.min(CHUNK, operations - done)
      const chunkSeed = seed + done
      const chunk = aim(fc.sample(operation, { numRuns, seed: chunkSeed }))
      const error = await play(nodes, chunk, counts).then(
        () => undefined,
        (reason: unknown) => reason as Error & { at?: number },
      )
      if (error !== undefined) {
        const begun = error.at ?? chunk.length
        onDisagreement?.(chunkSeed, printError(error))
        const path = await shortest(chunk.slice(0, begun), fails)
        disagreement = {
          after: done + begun,
          chunkSeed,
          message: printError(error),
          path: path.map((one) => printOperation(one, placeOf(PLACES, one))),
        }
      }
      done += numRuns
      onProgress?.(done, counts)
    }
    const [digests = NONE] = await nodes.superuser<Outcome['digests']>(
      `select count(*) filter (where chosen_digests)::int as stored, count(*) filter (where not chosen_digests)::int as forbidden
         from regent.credential join regent.workspace using (tenant_id, workspace_id)
         where origin = 'chosen' and digest is not null`,
    )
    return {
      operations: disagreement?.after ?? done,
      counts,
      emptied: nodes.emptied(),
      digests,
      disagreement,
    }
  } finally {
    await nodes.close()
  }
}

function printError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? String(error.stack) : `${error.message}: ${printError(error.cause)}`
}
