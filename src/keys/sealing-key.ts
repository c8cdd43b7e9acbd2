/**
 * Which master key seals what is new in a region: the first of a process's own that every node of the region knows, so that
 * no node meets what it cannot open while master keys are rotated. A node that went without a word counts until it must have
 * stopped: it may come back, with the keys that it had.
 */
import type { MasterKeyId } from '../sealing/master-keys.ts'
import { OperatorError } from '../storage/operator-error.ts'
import type { OperatorConnection, TenantConnection } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import type { Keyring } from './keyring.ts'
import { nodeKeysStore, type NodeKeys } from './node-keys-store.ts'

/** Whether every node knows a master key. */
export type KnownToAll = (masterKeyId: string) => boolean

export function knownToAll(nodes: readonly Pick<NodeKeys, 'masterKeyIds'>[]): KnownToAll {
  return (id) => nodes.every(({ masterKeyIds }) => masterKeyIds.includes(id))
}

/**
 * The one that all live nodes seal with.
 * @returns undefined while they do not agree, and where there are none
 */
export function agreedKey(nodes: readonly NodeKeys[]): MasterKeyId | undefined {
  const isKnown = knownToAll(nodes)
  const chosen = new Set(nodes.filter(({ live }) => live).map((node) => node.masterKeyIds.find(isKnown)))
  const [first] = chosen
  return chosen.size === 1 ? (first as MasterKeyId | undefined) : undefined
}

/** As of the transaction. @returns undefined where no key of this process is known to all nodes */
export async function findSealingKey(
  connection: TenantConnection | OperatorConnection,
  region: Region,
  { masterKeyIds }: Pick<Keyring, 'masterKeyIds'>,
): Promise<MasterKeyId | undefined> {
  return masterKeyIds.find(knownToAll(await nodeKeysStore(connection, region).listNodeKeys()))
}

/** @throws OperatorError where no key of this process is known to all nodes: what it sealed, they could not open */
export async function sealingKey(
  connection: TenantConnection | OperatorConnection,
  region: Region,
  keyring: Pick<Keyring, 'masterKeyIds'>,
): Promise<MasterKeyId> {
  const found = await findSealingKey(connection, region, keyring)
  if (found === undefined) {
    throw new OperatorError(
      `None of the master keys that are given here (${keyring.masterKeyIds.join(', ')}) is known to all nodes of region ${region}: nothing was sealed. See regent master-key status.`,
    )
  }
  return found
}

/**
 * The master key that what lies there is sealed anew with: the one that all live nodes seal with; where none lives, the first
 * of this process. Undefined while they do not agree, so that two never work against each other, and where it is not known here.
 */
export async function resealingKey(
  connection: OperatorConnection,
  region: Region,
  { masterKeyIds }: Pick<Keyring, 'masterKeyIds'>,
): Promise<MasterKeyId | undefined> {
  const nodes = await nodeKeysStore(connection, region).listNodeKeys()
  const key = nodes.some(({ live }) => live) ? agreedKey(nodes) : masterKeyIds.find(knownToAll(nodes))
  return key !== undefined && masterKeyIds.includes(key) ? key : undefined
}
