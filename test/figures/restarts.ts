/**
 * Replaces nodes under load: the next one is started, and ready, before the oldest gets its SIGTERM. Behind a balancer
 * that obeys readiness no caller may notice.
 */
import { openBalancer } from './balancer.ts'
import { startLoad, type Outcome } from './load.ts'
import { openSite, type Node } from './site.ts'

type Options = {
  readonly restarts: number
  /** Seconds that a listener stays open after the signal. */
  readonly drain: number
  readonly connections: number
  readonly onRestart?: (count: number) => void
}

/** @returns the outcome of the load, and how each node ended */
export async function restartUnderLoad({ restarts, drain, connections, onRestart = () => {} }: Options) {
  const site = await openSite({ environment: { REGENT_DRAIN: String(drain) } })
  const balancer = await openBalancer(site.publicPort)
  const nodes: Node[] = []
  const exits: (number | null)[] = []
  const start = async () => {
    const node = await site.startNode()
    nodes.push(node)
    await balancer.add(node)
  }
  try {
    await start()
    await start()
    const load = await startLoad({ port: site.publicPort, client: site.client, connections })
    let outcome: Outcome
    try {
      for (let count = 1; count <= restarts; count += 1) {
        await start()
        const oldest = nodes.shift() as Node
        oldest.kill('SIGTERM')
        exits.push(await oldest.ended)
        balancer.remove(oldest)
        onRestart(count)
      }
    } finally {
      outcome = await load.stop()
    }
    return { ...outcome, exits }
  } finally {
    await balancer.close()
    await site.close()
  }
}
