/** T71: a node, and whoever writes, are killed with -9 in the middle of whatever they do. Nothing acknowledged is lost. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from '../fault.ts'
import { startWriter } from '../place/start-writer.ts'
import type { Node } from '../place/node.ts'
import type { Stage } from '../stage.ts'

const WRITES_MS = 300

export const nodeKilled: Fault = {
  name: 'node-killed',
  threat: 'T71',
  kind: 'node killed',
  expect: { failures: 'once', unready: true, gap: 250 },
  async break() {},
  async during(stage, { repeat }) {
    let [kills, writes] = [0, 0]
    for (let count = 0; count < repeat; count++) {
      const node = stage.nodes[count % stage.nodes.length] as Node
      const [acknowledged] = await Promise.all([killWriter(stage), node.kill()])
      writes += acknowledged
      kills += 1
      await node.start()
    }
    return { must: { kills, 'changes acknowledged before a kill': writes } }
  },
  mend: startAll,
}

async function killWriter(stage: Stage): Promise<number> {
  const party = stage.clerk.parties[0]
  if (party === undefined) throw new Error('there is nobody to write for')
  const { region } = party
  const writer = await startWriter({ url: stage.urlOf(region, 'primary'), party, as: 'loop' }, stage.reaper)
  await sleep(Math.random() * WRITES_MS)
  const acknowledged = await writer.kill()
  for (const entry of acknowledged) stage.clerk.enter(region, entry)
  return acknowledged.length
}

/** Whoever does not run is started. */
export async function startAll({ nodes }: Stage): Promise<void> {
  await Promise.all(nodes.filter((node) => !node.isRunning()).map((node) => node.start()))
}
