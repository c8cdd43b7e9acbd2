/**
 * Whoever stalls in the middle of a change: the synchronous replica that every commit waits for, and a process between
 * the region's feed counter and its commit. Tokens go on; the first is told that the outcome is not known, and whoever
 * waits for the second gets through when the database has ended it.
 */
import type { Fault } from '../fault.ts'
import { until } from '../place/cluster.ts'
import { startWriter, type Writer } from '../place/start-writer.ts'
import { changesWhile } from './ways.ts'

export const stalledReplica: Fault = {
  name: 'stalled-synchronous-replica',
  threat: 'T64',
  kind: 'stalled synchronous replica',
  expect: { failures: 'none', gap: 250 },
  async break({ cluster }) {
    await cluster.setSynchronous(true)
    cluster.replica().freeze()
  },
  async during(stage, { hold }) {
    // A change is given up after five seconds. Whoever comes second waits for the counter of the first, and for less.
    const before = stage.clerk.outcomes().unknown ?? 0
    const isUnknown = async () => (stage.clerk.outcomes().unknown ?? 0) > before
    // Where none does, the count says so.
    const lasting = until('a change ends as not known', isUnknown).catch(() => {})
    const heldAndUnknown = async () => void (await Promise.all([hold(), lasting]))
    const { made } = await changesWhile(stage, heldAndUnknown)
    const unknown = (stage.clerk.outcomes().unknown ?? 0) - before
    return { must: { 'changes whose outcome is not known': unknown }, never: { 'changes made': made } }
  },
  async mend({ cluster }) {
    cluster.replica().thaw()
    await cluster.setSynchronous(false)
  },
}

const stopped = new Set<Writer>()

export const counterHeld: Fault = {
  name: 'node-stopped-holding-the-feed-counter',
  threat: 'T71',
  kind: 'node stopped holding the feed counter',
  expect: { failures: 'none', gap: 250 },
  async break(stage) {
    const party = stage.clerk.parties[0]
    if (party === undefined) throw new Error('there is nobody to write for')
    stopped.add(
      await startWriter({ url: stage.urlOf(party.region, 'primary'), party, as: 'hold' }, stage.reaper),
    )
  },
  async during({ clerk }) {
    const before = performance.now()
    const unavailable = () => clerk.outcomes().unavailable ?? 0
    const waitedBefore = unavailable()
    let made = 0
    // It is still stopped: who ends its transaction is the database.
    while (made === 0 && performance.now() - before < 30_000) {
      if ((await clerk.make('none')) === 'made') made += 1
    }
    const took = Math.round(performance.now() - before)
    // Whoever waits for the counter first gives up after three seconds; the second one begins to wait only then.
    const waited = unavailable() - waitedBefore
    return {
      must: { 'changes that others made meanwhile': made, 'changes that waited for nothing': waited },
      times: { 'until others got through': { took, allowed: 8000 } },
    }
  },
  async mend() {
    for (const writer of stopped) await writer.kill()
    stopped.clear()
  },
}
