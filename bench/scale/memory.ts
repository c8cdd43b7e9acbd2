/** What a node holds, after it has collected its garbage. */
import { setTimeout as sleep } from 'node:timers/promises'
import { residentBytes } from '../cpu.ts'
import type { Asker } from './asker.ts'
import type { Population } from './population.ts'
import { COLLECTING, type Node, type Site } from './site.ts'

export type Held = {
  /** By its own metrics. */
  readonly clients: number
  readonly workspaces: number
  readonly residentBytes: number
  /** Of the heap, and what it keeps outside of it; keys of OpenSSL are in neither. */
  readonly heapBytes: number
}
export type Bytes = { readonly resident: number; readonly heap: number }
export type WarmMemory = {
  readonly before: Held
  readonly after: Held
  /** Of each client of a warm set, with its share of its workspace. */
  readonly aClient: Bytes
  /** Of each client and each workspace by itself, from a second set with a client in each workspace. */
  readonly alone: { readonly client: Bytes; readonly workspace: Bytes }
}

const COLLECTIONS = 3
const PAUSE = 500

/** Nodes of its own: one with whole workspaces, one with a client of each. */
export async function measureMemory(
  { site, asker, who }: { readonly site: Site; readonly asker: Asker; readonly who: Population },
  warm: number,
  most: number,
): Promise<WarmMemory> {
  const grow = async (which: { first: number; step: number; count: number }) => {
    const node = await site.startNode('full', { ...COLLECTING, REGENT_MEMORY_ENTRIES: String(warm) })
    try {
      const errand = { port: node.port, connections: 64, most }
      // Whatever a node needs for its first tokens belongs to none of these clients.
      const first = { ...which, count: Math.ceil(which.count / 100) }
      await asker.askAll({ ...errand, which: first, order: 'random', most: 3 })
      const before = await held(node)
      await asker.askAll({ ...errand, which, order: 'once' })
      return { before, after: await held(node) }
    } finally {
      await node.stop('SIGKILL')
    }
  }
  const dense = await grow({ first: 0, step: 1, count: warm })
  const step = Math.ceil(who.clients / who.workspaces)
  // A node remembers 20,000 workspaces.
  const count = Math.min(warm, Math.floor(who.clients / step), 20_000)
  const sparse = await grow({ first: 0, step, count })
  return { ...dense, aClient: perClient(dense), alone: apart(dense, sparse) }
}

export async function held(node: Node): Promise<Held> {
  for (let time = 0; time < COLLECTIONS; time += 1) {
    node.collectGarbage()
    await sleep(PAUSE)
  }
  const text = await (await fetch(`http://127.0.0.1:${node.opsPort}/metrics`)).text()
  const sum = (name: string) =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? ([\\d.e+]+)$`, 'gm'))].reduce(
      (total, [, value]) => total + Number(value),
      0,
    )
  return {
    clients: sum('regent_memory_clients'),
    workspaces: sum('regent_memory_workspaces'),
    residentBytes: residentBytes([node.pid]),
    heapBytes: sum('nodejs_heap_size_used_bytes') + sum('nodejs_external_memory_bytes'),
  }
}

type Growth = { readonly before: Held; readonly after: Held }

function grown({ before, after }: Growth) {
  return {
    clients: after.clients - before.clients,
    workspaces: after.workspaces - before.workspaces,
    resident: after.residentBytes - before.residentBytes,
    heap: after.heapBytes - before.heapBytes,
  }
}

function perClient(growth: Growth): Bytes {
  const { clients, resident, heap } = grown(growth)
  return { resident: resident / clients, heap: heap / clients }
}

/** Two sets, two unknowns: so many clients in so many workspaces have grown by so much, twice. */
function apart(one: Growth, other: Growth) {
  const [a, b] = [grown(one), grown(other)]
  const determinant = a.clients * b.workspaces - b.clients * a.workspaces
  const client = (of: 'resident' | 'heap') => (a[of] * b.workspaces - b[of] * a.workspaces) / determinant
  const workspace = (of: 'resident' | 'heap') => (a.clients * b[of] - b.clients * a[of]) / determinant
  return {
    client: { resident: client('resident'), heap: client('heap') },
    workspace: { resident: workspace('resident'), heap: workspace('heap') },
  }
}
