/** What the master keys of a region are needed for, which nodes know them, and which may be taken away. Reads only. */
import { digestCountStore } from '../clients/digest-count-store.ts'
import { nodeKeysStore, type NodeKeys } from '../keys/node-keys-store.ts'
import { sealedKeysStore } from '../keys/sealed-keys-store.ts'
import { agreedKey, knownToAll } from '../keys/sealing-key.ts'
import type { Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import { auditKeyStore } from './audit-store.ts'
import { sealedAnswersStore } from './sealed-answers-store.ts'

export type MasterKeyStatus = {
  readonly region: Region
  /** Those that live, and those that went without a word and may come back. */
  readonly nodes: readonly NodeKeys[]
  /** Undefined where no node lives, or where they do not agree. */
  readonly sealsWith: string | undefined
  readonly keys: readonly MasterKeyNeed[]
}

export type MasterKeyNeed = {
  readonly id: string
  /** Ids of nodes. */
  readonly knownTo: readonly string[]
  readonly unknownTo: readonly string[]
  readonly signingKeys: number
  readonly auditKeys: number
  /** Kept for whoever repeats a request, a day at the most. */
  readonly answers: number
  /** Of secrets that live. */
  readonly digests: number
  /** `slowly`: secrets are then checked by bcrypt once more, each at its next use. */
  readonly mayBeTakenAway: 'yes' | 'slowly' | 'no'
}

export async function masterKeyStatus(database: Database, region: Region): Promise<MasterKeyStatus> {
  return database.asOperator(async (connection) => {
    const nodes = await nodeKeysStore(connection, region).listNodeKeys()
    const signingKeys = await sealedKeysStore(connection, region).countSealedKeys()
    const auditKey = await auditKeyStore(connection, region).findAuditKey()
    const answers = await sealedAnswersStore(connection, region).countSealedAnswers()
    const digests = await digestCountStore(connection, region).countDigests()

    const isKnown = knownToAll(nodes)
    const sealWith = new Set(nodes.map(({ masterKeyIds }) => masterKeyIds.find(isKnown)))
    const ids = new Set([
      ...nodes.flatMap(({ masterKeyIds }) => masterKeyIds),
      ...[signingKeys, answers, digests].flatMap((counts) => [...counts.keys()]),
      ...(auditKey === undefined ? [] : [auditKey.masterKeyId]),
    ])
    const need = (id: string): MasterKeyNeed => {
      const counts = {
        signingKeys: signingKeys.get(id) ?? 0,
        auditKeys: auditKey?.masterKeyId === id ? 1 : 0,
        answers: answers.get(id) ?? 0,
      }
      const needed = Object.values(counts).some((count) => count > 0) || sealWith.has(id)
      const inDigests = digests.get(id) ?? 0
      return {
        id,
        knownTo: nodes.filter((node) => node.masterKeyIds.includes(id)).map((node) => node.id),
        unknownTo: nodes.filter((node) => !node.masterKeyIds.includes(id)).map((node) => node.id),
        ...counts,
        digests: inDigests,
        mayBeTakenAway: needed ? 'no' : inDigests > 0 ? 'slowly' : 'yes',
      }
    }
    return { region, nodes, sealsWith: agreedKey(nodes), keys: [...ids].toSorted().map(need) }
  })
}
