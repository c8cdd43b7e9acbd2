/**
 * Requests that may be repeated (the Idempotency-Key header, draft-ietf-httpapi-idempotency-key-header): the first one that
 * commits is done, the others get its answer. The record is written in the change's own transaction, so that neither is
 * there without the other.
 */
import { createHash } from 'node:crypto'
import type { Keyring } from '../keys/keyring.ts'
import { sealingKey } from '../keys/sealing-key.ts'
import { frame } from '../sealing/frame.ts'
import type { Belonging } from '../sealing/seal.ts'
import type { Database, OperatorConnection, TenantConnection } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import { idempotencyPruning, idempotencyStore, type RequestName } from './idempotency-store.ts'

type Connection = TenantConnection | OperatorConnection

/** Seconds: a day, and a quarter of an hour for answers that hold a secret. */
const KEPT = 24 * 60 * 60
const SECRETS_KEPT = 15 * 60

export type Repetition =
  | { readonly outcome: 'first' }
  /** As it was answered. */
  | { readonly outcome: 'repeated'; readonly answer: string }
  | { readonly outcome: 'another_request' }
  | { readonly outcome: 'answer_gone' }

/** To be asked before anything is changed; waits while somebody else does the same. */
export async function claimRequest(
  connection: Connection,
  region: Region,
  keyring: Keyring,
  name: RequestName,
  request: readonly string[],
): Promise<Repetition> {
  const digest = createHash('sha256').update(frame(request)).digest()
  const store = idempotencyStore(connection)
  await store.deleteExpiredRequest(name)
  if (await store.insertRequest(name, digest, KEPT)) return { outcome: 'first' }
  const kept = await store.findAnswer(name)
  if (kept === undefined || !kept.requestDigest.equals(digest)) return { outcome: 'another_request' }
  const { sealed } = kept
  // Its time is over, or its master key was taken away before that.
  if (sealed === undefined || !keyring.masterKeyIds.includes(sealed.masterKeyId))
    return { outcome: 'answer_gone' }
  return { outcome: 'repeated', answer: keyring.openSecret(sealed, answerNames(region, name)).toString() }
}

/** @param holdsSecret such an answer is kept for a quarter of an hour, others for a day */
export async function keepAnswer(
  connection: Connection,
  region: Region,
  keyring: Keyring,
  name: RequestName,
  answer: string,
  holdsSecret: boolean,
): Promise<void> {
  const by = await sealingKey(connection, region, keyring)
  const sealed = keyring.sealSecret(Buffer.from(answer), answerNames(region, name), by)
  await idempotencyStore(connection).updateAnswer(name, sealed, holdsSecret ? SECRETS_KEPT : KEPT)
}

export async function pruneRequests(database: Database): Promise<void> {
  await database.asOperator((connection) => idempotencyPruning(connection).deleteExpired())
}

/** What an answer is sealed for. */
export function answerNames(region: Region, { tenantId, actor, method, route, key }: RequestName): Belonging {
  return ['idempotent answer', region, tenantId, actor, method, route, key]
}
