/** What a node holds, after it has collected its garbage. */
import { setTimeout as sleep } from 'node:timers/promises'
import { residentBytes } from '../cpu.ts'
import type { Asker } from './asker.ts'
import type { Errand } from './ask.ts'
import type { Node } from './site.ts'

export type Held = {
  /** By its own metrics. */
  readonly clients: number
  readonly workspaces: number
  readonly residentBytes: number
  /** Of the heap, and what it keeps outside of it; keys of OpenSSL are in neither. */
  readonly heapBytes: number
}
export type Bytes = { readonly resident: number; readonly heap: number }
export type WarmMemory = Growth & {
  /** Of each client of a warm set, with its share of its workspace. */
  readonly aClient: Bytes
  /** Of each client and each workspace by itself, from a second set with a client in each workspace. */
  readonly alone: { readonly client: Bytes; readonly workspace: Bytes }
}

/** Of a node: what its memory has grown by while it came to know clients. */
export type Growth = { readonly before: Held; readonly after: Held }

const COLLECTIONS = 3
const PAUSE = 500

/** @param most seconds */
export async function measureGrowth(
  node: Node,
  asker: Asker,
  which: Errand['which'],
  most: number,
): Promise<Growth> {
  const errand = { port: node.port, connections: 64 }
  // Whatever a node needs for its first tokens belongs to none of these clients.
  const first = { ...which, count: Math.ceil(which.count / 100) }
  await asker.askAll({ ...errand, which: first, order: 'random', most: 3 })
  const before = await held(node)
  await asker.askAll({ ...errand, which, order: 'once', most })
  return { before, after: await held(node) }
}

/** @param sparse another set, with a client in each workspace */
export function warmMemory(dense: Growth, sparse: Growth): WarmMemory {
  return { ...dense, aClient: perClient(dense), alone: apart(dense, sparse) }
}

async function held(node: Node): Promise<Held> {
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
