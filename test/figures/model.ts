/** Random operations on two nodes against a model without memory: how many, of which kinds, and how often they disagreed. */
import { runModel } from '../directory/model/run.ts'

type Say = (line: string) => void

/** @returns whether nodes and model agreed, in as many operations as were asked for or as the time allowed */
export async function modelFigure(
  options: { readonly operations: number; readonly seed: number; readonly seconds: number },
  say: Say,
  progress: Say,
): Promise<boolean> {
  const begun = performance.now()
  const { operations, counts, emptied, digests, disagreement } = await runModel({
    ...options,
    onProgress: (done, { 'old 200': old = 0 }) =>
      progress(`${done} operations, ${old} tokens by what was old`),
    onDisagreement: (chunkSeed, message) =>
      progress(`in the chunk of seed ${chunkSeed}, which is being shortened: ${message}`),
  })
  const seconds = Math.round((performance.now() - begun) / 1000)
  say(`operations ${operations} of ${options.operations}, seed ${options.seed}, in ${seconds} s`)
  for (const [name, times] of Object.entries(counts).toSorted(([, one], [, other]) => other - one))
    say(`  ${name}: ${times}`)
  say(`memory emptied, the feed being another one: ${emptied}`)
  say(`digests of chosen secrets stored: ${digests.stored}, where they may not be: ${digests.forbidden}`)
  say(`disagreements: ${disagreement === undefined ? 0 : 1}`)
  if (disagreement !== undefined) {
    const { after, chunkSeed, message, path } = disagreement
    say(`after ${after} operations, in the chunk of seed ${chunkSeed}: ${message}`)
    for (const line of path) say(`  ${line}`)
  }
  return disagreement === undefined && digests.forbidden === 0
}
