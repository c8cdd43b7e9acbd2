/** Questions to a node: with which secret, of whom, and when. What came back is judged in `judge.ts`. */
import { generateSecret } from '../../../src/clients/secret.ts'
import type { Reply } from '../../../src/exchange.ts'
import { newCredentialId, type CredentialId } from '../../../src/ids.ts'
import { isInTime, type Asked, type ModelClient } from './answer.ts'
import { chosenSecret } from './changes.ts'
import type { Moment, Span } from './history.ts'
import type { ModelNodes } from './nodes.ts'
import type { Operation } from './operations.ts'
import { placeOf, type Place, type PlacedClient } from './place.ts'

export type Asking = {
  readonly place: Place
  /** Undefined: the keys are asked for. */
  readonly client: PlacedClient | undefined
  readonly asked: Asked | undefined
  /** What the node had read when the question came. */
  readonly read: Moment
  readonly span: Span
  readonly reply: Reply
}

/** One in so many is sent by HTTP. */
const BY_HTTP = 16
const NOBODY = 'nobody'

type Whom = { readonly place: Place; readonly client: PlacedClient | undefined }

/** A right secret is mostly asked for where there is one: else most answers would be a no. */
export function askedFor(places: readonly Place[], operation: Operation, now: number): Whom {
  const place = placeOf(places, operation)
  const client = place.clients.get(operation.slot)
  if (operation.secret !== 'right' || operation.pick % 8 === 0) return { place, client }
  for (const candidate of [place, ...places]) {
    for (const one of [candidate === place ? client : undefined, ...candidate.clients.values()])
      if (isUsable(one?.state.now(), now)) return { place: candidate, client: one }
  }
  return { place, client }
}

function isUsable(client: ModelClient | undefined, now: number): boolean {
  return client !== undefined && client.enabled && client.secrets.some((secret) => isInTime(secret, now))
}

export async function askToken(
  nodes: ModelNodes,
  { place, client }: Whom,
  places: readonly Place[],
  operation: Operation,
): Promise<Asking> {
  const { scope, resource } = operation
  const neighbours = places.filter((other) => other !== place)
  const asked = { secret: secretFor(operation, client, neighbours), scope, resource }
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: client?.id ?? NOBODY,
    client_secret: asked.secret,
  })
  if (scope !== undefined) form.set('scope', scope)
  if (resource !== undefined) form.set('resource', resource)
  return ask(nodes, place, operation, '/oauth2/token', form.toString(), { client, asked })
}

export function askKeys(nodes: ModelNodes, place: Place, operation: Operation): Promise<Asking> {
  const what = { client: undefined, asked: undefined }
  return ask(nodes, place, operation, '/.well-known/jwks.json', undefined, what)
}

async function ask(
  { nodes, tick }: ModelNodes,
  place: Place,
  { node, pick }: Operation,
  path: string,
  body: string | undefined,
  what: Pick<Asking, 'client' | 'asked'>,
): Promise<Asking> {
  const asked = nodes[node] ?? nodes[0]
  const read = asked.read()
  const from = tick()
  const reply = await asked.ask(place.address, path, body, pick % BY_HTTP === 0)
  return { place, ...what, read, span: { from, to: tick() }, reply }
}

function secretFor(
  { secret, pick, slot }: Operation,
  client: PlacedClient | undefined,
  neighbours: readonly Place[],
): string {
  const live = client?.state.now()?.secrets ?? []
  const own = live[pick % Math.max(1, live.length)]?.text ?? client?.revoked.at(-1)
  const foreign = neighbours.flatMap(({ clients }) => clients.get(slot)?.state.now()?.secrets[0]?.text ?? [])
  const unknown = () => generateSecret(newCredentialId())
  switch (secret) {
    case 'right':
      return own ?? unknown()
    case 'revoked':
      return client?.revoked.at(-1 - (pick % 3)) ?? unknown()
    case 'of a neighbour':
      return foreign[pick % Math.max(1, foreign.length)] ?? unknown()
    // The id of a credential that is there, and other random bits.
    case 'altered':
      return own?.startsWith('rgs_') ? generateSecret(own.slice(4, 20) as CredentialId) : unknown()
    case 'damaged':
      return `${own ?? unknown()}x`
    case 'chosen':
      return chosenSecret({ slot, pick })
    case 'unknown':
    default:
      return unknown()
  }
}
