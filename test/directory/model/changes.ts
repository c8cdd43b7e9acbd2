/** Each change is made in the database by the function that administration calls, and in the model by hand. */
import { chooseSigning } from '../../../src/changes/choose-signing.ts'
import { createClient, deleteClient, setClientState } from '../../../src/changes/client-changes.ts'
import { createSecret, revokeCredential } from '../../../src/changes/credential-changes.ts'
import type { SecretInput } from '../../../src/changes/make-secret.ts'
import { maintainKeys, revokeKey, rotateKeys } from '../../../src/changes/key-changes.ts'
import { setIssuanceLimit } from '../../../src/changes/limit-changes.ts'
import { grantScopes, withdrawScopes } from '../../../src/changes/scope-changes.ts'
import type { ClientId, CredentialId, Kid } from '../../../src/ids.ts'
import { isScopeToken } from '../../../src/oauth/scope.ts'
import { INVOICES, ORDERS, type ModelClient, type ModelSecret } from './answer.ts'
import { history } from './history.ts'
import type { ModelNodes } from './nodes.ts'
import type { ClientChange, Operation, WorkspaceChange } from './operations.ts'
import { openPlace, readKeys, ripenKeys, type Opened, type Place, type PlacedClient } from './place.ts'

/** Never reached, and told in a header of each token: so a node shows which limit it knows. */
const LIMITS = [undefined, 1_000_001, 1_000_002, 1_000_003] as const
const SIGNINGS = [
  ['ES256', 'at+jwt'],
  ['ES256', 'JWT'],
  ['EdDSA', 'at+jwt'],
] as const
const MOST_SECRETS = 5

/** The same in every workspace, and few, so that it happens that one is chosen again. */
export const chosenSecret = ({ slot, pick }: Pick<Operation, 'slot' | 'pick'>) =>
  `chosen by somebody for ${slot}, ${pick % 3}`

export async function changeWorkspace(
  kind: WorkspaceChange,
  asked: Operation,
  place: Place,
  nodes: ModelNodes,
): Promise<void> {
  const { needs, opened } = place
  if (kind === 'open workspace') return opened ? undefined : openPlace(nodes, place)
  if (opened === undefined) return
  const { workspace, keys, signing } = opened
  const limit = LIMITS[asked.pick % LIMITS.length]
  const keysAfter = (work: () => Promise<unknown>) =>
    keys.change(async () => {
      await work()
      return readKeys(nodes, workspace)
    })
  switch (kind) {
    case 'create':
      return createOne(asked, place, opened, nodes)
    case 'choose signing': {
      const [algorithm, type] = SIGNINGS[asked.pick % SIGNINGS.length] ?? SIGNINGS[0]
      return signing.change(async () => {
        // A new algorithm publishes a key.
        await keysAfter(() => chooseSigning(needs, workspace, opened.servers[ORDERS], algorithm, type))
        return { algorithm, type }
      })
    }
    case 'rotate keys':
      await ripenKeys(nodes, workspace)
      await keysAfter(() => maintainKeys(needs, workspace))
      await ripenKeys(nodes, workspace)
      return keysAfter(() => rotateKeys(needs, workspace))
    case 'revoke key': {
      const active = Object.values(keys.now().active)
      return keysAfter(() => revokeKey(needs, workspace, active[asked.pick % active.length] as Kid))
    }
    case 'limit workspace':
      return opened.limit.change(async () => {
        await setIssuanceLimit(needs, { workspace }, limit)
        return limit
      })
    case 'limit tenant':
      return place.tenantLimit.change(async () => {
        await setIssuanceLimit(needs, { tenant: place.tenant }, limit)
        return limit
      })
  }
}

/** With a scope and a secret. The ids are the same everywhere; one that was deleted is never used again. */
async function createOne(asked: Operation, place: Place, { workspace, servers }: Opened, nodes: ModelNodes) {
  const { pick } = asked
  const isFree = (slot: number) => place.clients.get(slot)?.state.now() === undefined
  const slot = [asked.slot, 0, 1, 2].find(isFree)
  if (slot === undefined) return
  const before = place.clients.get(slot)
  const generation = before === undefined ? 0 : Number(before.id.split('-')[2]) + 1
  const id = `robot-${slot}-${generation}` as ClientId
  const client: PlacedClient = {
    id,
    state: history<ModelClient | undefined>(nodes.tick, undefined),
    revoked: [],
  }
  place.clients.set(slot, client)
  const resource = ([undefined, undefined, ORDERS, INVOICES] as const)[pick % 4]
  await client.state.change(async () => {
    await createClient(place.needs, workspace, {
      id,
      name: id,
      ...(resource && { defaultResourceServerId: servers[resource].id }),
    })
    return { enabled: true, defaultResource: resource, limit: undefined, secrets: [], grants: {} }
  })
  await changeClient('grant', { ...asked, token: 'read', byDefault: true }, place, client, nodes)
  await changeClient('secret', { ...asked, pick: pick - (pick % 12) + 2 }, place, client, nodes)
}

export async function changeClient(
  kind: ClientChange,
  asked: Operation,
  place: Place,
  client: PlacedClient,
  nodes: ModelNodes,
): Promise<void> {
  const { needs, opened } = place
  const { id, state } = client
  const now = state.now()
  if (now === undefined || opened === undefined) return
  const { workspace } = opened
  const { pick, token, byDefault } = asked
  const after = (work: () => Promise<unknown>, value: Partial<ModelClient>) =>
    state.change(async () => {
      await work()
      return { ...now, ...value }
    })
  const add = (input: SecretInput) =>
    state.change(async () => {
      const { secret, credentialId } = await createSecret(needs, workspace, id, input)
      const { notBefore, expiresAt, chosen } = input
      const one = { text: secret, credentialId, chosen: chosen !== undefined, notBefore, expiresAt }
      const present = state.now() ?? now
      return { ...present, secrets: [...present.secrets, one] }
    })
  const revoke = (one: ModelSecret) =>
    state.change(async () => {
      await revokeCredential(needs, workspace, id, one.credentialId as CredentialId)
      client.revoked.push(one.text)
      const present = state.now() ?? now
      return { ...present, secrets: present.secrets.filter((other) => other !== one) }
    })
  const secret = now.secrets[pick % Math.max(1, now.secrets.length)]

  switch (kind) {
    case 'enable':
      return after(() => setClientState(needs, workspace, id, 'enabled'), { enabled: true })
    case 'disable':
      return after(() => setClientState(needs, workspace, id, 'disabled'), { enabled: false })
    case 'grant': {
      const grants = { ...now.grants, [token]: byDefault }
      return after(() => grantScopes(needs, workspace, id, [token], byDefault), { grants })
    }
    case 'withdraw': {
      if (!(token in now.grants) || !isScopeToken(token)) return
      const { [token]: _, ...grants } = now.grants
      return after(() => withdrawScopes(needs, workspace, id, [token]), { grants })
    }
    case 'secret':
      return now.secrets.length < MOST_SECRETS ? add(periodOf(pick, nodes.clock.now())) : undefined
    case 'chosen secret': {
      const may = place.settings.chosenSecrets && !now.secrets.some(({ chosen }) => chosen)
      return may && now.secrets.length < MOST_SECRETS ? add({ chosen: chosenSecret(asked) }) : undefined
    }
    case 'revoke':
      return secret && revoke(secret)
    case 'rotate secret': {
      if (secret === undefined || now.secrets.length >= MOST_SECRETS) return
      await add({})
      return revoke(secret)
    }
    case 'limit client': {
      const limit = LIMITS[pick % LIMITS.length]
      return after(() => setIssuanceLimit(needs, { workspace, clientId: id }, limit), { limit })
    }
    case 'delete':
      return state.change(async () => {
        await deleteClient(needs, workspace, id)
        client.revoked.push(...now.secrets.map(({ text }) => text))
        return undefined
      })
  }
}

/** One in twelve ends soon, and one in twelve begins soon. */
function periodOf(pick: number, now: number): SecretInput {
  const seconds = 30 * (1 + (pick % 4))
  return pick % 12 === 0 ? { expiresAt: now + seconds } : pick % 12 === 1 ? { notBefore: now + seconds } : {}
}
