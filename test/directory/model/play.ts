/**
 * Plays operations, one group after the other: those of a group run beside each other, with at most one change of each
 * tenant, so that the order of changes is known. When a group has ended, each of its questions is judged.
 */
import { createTenant } from '../../../src/changes/create-tenant.ts'
import { changeClient, changeWorkspace } from './changes.ts'
import { history } from './history.ts'
import { MODEL_REGIONS, type ModelNodes } from './nodes.ts'
import { isOfClient, isOfWorkspace, type Operation } from './operations.ts'
import { forgetBefore, newPlace, openPlace, placeOf, SLUGS, TENANTS, type Place } from './place.ts'
import { Disagreement, judge } from './judge.ts'
import { askedFor, askKeys, askToken, type Asking } from './questions.ts'

/** By kind of operation, and by answer: `200`, and `old 200` where it was of what had changed already. */
export type Counts = Record<string, number>

const MOST_TOGETHER = 20
let plays = 0

/**
 * In tenants of their own, so that a play begins with nothing.
 * @throws Disagreement, or whatever a node or a change threw; `at`, a property of it, is how many operations had begun
 */
export async function play(
  nodes: ModelNodes,
  operations: readonly Operation[],
  counts: Counts,
): Promise<void> {
  const places = await openPlaces(nodes)
  let begun = 0
  try {
    for (const group of groupsOf(operations)) {
      begun += group.length
      await playGroup(nodes, places, group, counts)
    }
    await lastQuestions(nodes, places, counts)
  } catch (error) {
    throw Object.assign(error as Error, { at: begun })
  }
}

async function openPlaces(nodes: ModelNodes): Promise<readonly Place[]> {
  plays += 1
  const tenants = await Promise.all(
    TENANTS.map(async ([name, region, settings]) => ({
      ...(await createTenant(nodes.needs(region), { slug: `${name}-${plays}` })),
      settings,
      limit: history<number | undefined>(nodes.tick, undefined),
    })),
  )
  const places = SLUGS.flatMap((slug) =>
    tenants.map(({ tenant, settings, limit }) => newPlace(nodes, tenant, limit, slug, settings)),
  )
  for (const place of places.slice(0, TENANTS.length)) await openPlace(nodes, place)
  await nodes.replica.catchUp()
  return places
}

function groupsOf(operations: readonly Operation[]): readonly (readonly Operation[])[] {
  const groups: Operation[][] = []
  let changed = new Set<number>()
  for (const operation of operations) {
    const group = groups.at(-1)
    const isChange = isOfClient(operation.kind) || isOfWorkspace(operation.kind)
    // The places of a tenant are so many apart.
    const tenant = isChange ? operation.place % TENANTS.length : -1
    const fits =
      group !== undefined &&
      operation.together &&
      group.length < MOST_TOGETHER &&
      !changed.has(tenant) &&
      ![operation, group[0]].some((one) => one?.kind === 'time passes')
    if (fits) group.push(operation)
    else {
      groups.push([operation])
      changed = new Set()
    }
    if (isChange) changed.add(tenant)
  }
  return groups
}

async function playGroup(
  nodes: ModelNodes,
  places: readonly Place[],
  group: readonly Operation[],
  counts: Counts,
): Promise<void> {
  const done = await Promise.allSettled(
    group.map(async (operation, index) => {
      // So that it meets the ones before it at different points.
      for (let turn = (operation.pick % 5) * index; turn > 0; turn--)
        await new Promise((resolve) => setImmediate(resolve))
      return take(nodes, places, operation)
    }),
  )
  for (const { kind } of group) count(counts, kind)
  for (const one of done) {
    if (one.status === 'rejected') throw one.reason
    if (one.value !== undefined) judgeAndCount(nodes, one.value, counts)
  }
  const [fault] = nodes.takeFaults()
  if (fault !== undefined) throw new Disagreement('a node met a fault', { cause: fault })
  const read = Math.min(...nodes.nodes.map((node) => node.read()))
  for (const place of places) forgetBefore(place, read)
}

async function take(
  nodes: ModelNodes,
  places: readonly Place[],
  operation: Operation,
): Promise<Asking | void> {
  const { kind, pick } = operation
  const place = placeOf(places, operation)
  const node = nodes.nodes[operation.node]
  if (isOfWorkspace(kind)) return changeWorkspace(kind, operation, place, nodes)
  if (isOfClient(kind)) {
    const client = place.clients.get(operation.slot)
    return client && changeClient(kind, operation, place, client, nodes)
  }
  switch (kind) {
    case 'ask': {
      const whom = askedFor(places, operation, nodes.clock.now())
      return askToken(nodes, whom, places, operation)
    }
    case 'keys':
      return askKeys(nodes, place, operation)
    case 'poll':
      return node.poll()
    case 'forget':
      return node.forget()
    case 'time passes':
      nodes.clock.time += 30
      return
    case 'replica catches up':
      return nodes.replica.catchUp()
    case 'lose feed':
      return loseFeed(nodes, pick)
  }
}

/** As after a fail-over, or as for a node that was away for longer than entries are kept. */
async function loseFeed(nodes: ModelNodes, pick: number): Promise<void> {
  const region = MODEL_REGIONS[pick % MODEL_REGIONS.length]
  const newest = '(select number from regent.change_counter where region = $1)'
  await nodes.superuser(
    pick % 4 < 2
      ? `update regent.change_feed set entry_id = gen_random_uuid() where region = $1 and number > ${newest} - 100`
      : `delete from regent.change_feed where region = $1 and number < ${newest}`,
    [region],
  )
}

/** Each client that there is or was, at each node, now that everything has been read: no answer may be old. */
async function lastQuestions(nodes: ModelNodes, places: readonly Place[], counts: Counts): Promise<void> {
  await Promise.all(nodes.nodes.map((node) => node.poll()))
  for (const [index, place] of places.entries()) {
    for (const [slot, client] of place.clients) {
      for (const node of [0, 1] as const) {
        const operation: Operation = {
          kind: 'ask',
          place: index,
          slot,
          pick: 1 + index,
          node,
          token: 'read',
          byDefault: true,
          secret: 'right',
          scope: 'read',
          resource: undefined,
          together: false,
        }
        const asking = await askToken(nodes, { place, client }, [], operation)
        if (judgeAndCount(nodes, asking, counts).old)
          throw new Disagreement(
            `an old answer of node ${node} after all was read: ${String(asking.reply.body)}`,
          )
      }
    }
  }
}

function judgeAndCount(nodes: ModelNodes, asking: Asking, counts: Counts) {
  const judged = judge(asking, nodes.clock.now())
  count(counts, `${judged.old ? 'old ' : ''}${judged.status}`)
  return judged
}

function count(counts: Counts, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}
