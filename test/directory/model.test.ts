/**
 * T04 Two nodes that remember, against a model that does not: tenants in two regions of one database, with the same slugs of
 * workspaces and the same client ids, changed and asked at random, some of it at the same time. Only the feed tells the
 * nodes of changes. `npm run figures -- model` is the long form; REGENT_MODEL_OPERATIONS and REGENT_MODEL_SEED repeat a run.
 */
import { runModel } from './model/run.ts'

const OPERATIONS = Number(process.env.REGENT_MODEL_OPERATIONS ?? 2000)
const SEED = Number(process.env.REGENT_MODEL_SEED ?? Math.floor(Math.random() * 2 ** 31))

describe(`T04 T19 T65 nodes and a model without memory (seed ${SEED})`, () => {
  it(`answer alike, ${OPERATIONS} operations long`, async () => {
    const { disagreement, counts, emptied, digests } = await runModel({ operations: OPERATIONS, seed: SEED })
    expect(disagreement).toBeUndefined()
    // It was about something: all kinds of answers came, some were old, and the feed was lost now and then.
    const times = (name: string) => counts[name] ?? 0
    for (const answer of ['200', '400', '401']) expect(times(answer)).toBeGreaterThan(OPERATIONS / 20)
    expect(times('404')).toBeGreaterThan(0)
    expect(times('old 200') + times('old 400')).toBeGreaterThan(0)
    expect(emptied).toBeGreaterThan(0)
    expect(digests.forbidden).toBe(0)
  }, 600_000)
})
