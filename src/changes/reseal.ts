/**
 * Seals anew what lies in a region under older master keys: private keys, the audit key, answers that are kept. In small
 * batches, each a transaction that passes over rows which somebody holds, and writes those that are still as it read them: any
 * number may do it at once, beside all else, and be ended at any moment. What is sealed stays the same, so nobody who
 * remembers it need hear of it: there is no entry in the feed, and no audit event.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { resealingKey } from '../keys/sealing-key.ts'
import { sealedKeysStore } from '../keys/sealed-keys-store.ts'
import type { MasterKeyId } from '../sealing/master-keys.ts'
import type { OperatorConnection } from '../storage/transaction.ts'
import { auditKeyNames } from './append-audit-event.ts'
import { auditKeyStore, sealedAuditKeyStore } from './audit-store.ts'
import type { ChangeNeeds } from './change.ts'
import { answerNames } from './idempotency.ts'
import { sealedAnswersStore } from './sealed-answers-store.ts'

type Needs = Pick<ChangeNeeds, 'region' | 'database' | 'keyring'>

export type Resealed = {
  readonly signingKeys: number
  readonly auditKeys: number
  readonly answers: number
  /** Rows that do not open: they are as they were. */
  readonly failed: number
}

/** Of one kind, under one master key: the next rows after `after`. */
type Batch<Row> = (connection: OperatorConnection, after: Row | undefined) => Promise<BatchDone<Row>>
type BatchDone<Row> = { readonly last: Row | undefined; readonly written: number; readonly failed: number }

const MOST = 100

/**
 * @param to of `resealingKey`; it ends early when that is another one meanwhile: a node has come that does not know it, say
 * @param onBatch told after each batch what was done until then
 */
export async function reseal(
  needs: Needs,
  to: MasterKeyId,
  onBatch: (done: Resealed) => void = () => {},
): Promise<Resealed> {
  const { region, database, keyring } = needs
  const done = { signingKeys: 0, auditKeys: 0, answers: 0, failed: 0 }

  /** @returns false: not with this key any more */
  const pass = async <Row>(count: Exclude<keyof Resealed, 'failed'>, batch: Batch<Row>): Promise<boolean> => {
    let after: Row | undefined
    for (;;) {
      const begun = performance.now()
      const result = await database.asOperator(async (connection) =>
        (await resealingKey(connection, region, keyring)) === to ? batch(connection, after) : undefined,
      )
      if (result === undefined) return false
      done[count] += result.written
      done.failed += result.failed
      onBatch({ ...done })
      after = result.last
      if (after === undefined) return true
      // As long as it took: requests want the database too.
      await sleep(performance.now() - begun)
    }
  }

  for (const under of keyring.masterKeyIds.filter((id) => id !== to)) {
    const kinds = [
      () => pass('signingKeys', signingKeys(needs, under, to)),
      () => pass('answers', answers(needs, under, to)),
      () => pass('auditKeys', auditKey(needs, under, to)),
    ]
    for (const kind of kinds) if (!(await kind())) return done
  }
  return done
}

function signingKeys({ region, keyring }: Needs, under: MasterKeyId, to: MasterKeyId) {
  return async (connection: OperatorConnection, after: Parameters<Store['takeSealedKeys']>[1]) => {
    const store = sealedKeysStore(connection, region)
    const rows = await store.takeSealedKeys(under, after, MOST)
    const { pairs, failed } = sealAnew(rows, ({ kid, bytes, ...owner }) =>
      keyring.resealKey({ bytes, masterKeyId: under }, { region, ...owner }, kid, to),
    )
    return { last: next(rows), failed, written: await store.updateSealedKeys(under, to, pairs) }
  }
}
type Store = ReturnType<typeof sealedKeysStore>

function answers({ region, keyring }: Needs, under: MasterKeyId, to: MasterKeyId) {
  return async (connection: OperatorConnection, after: Parameters<Answers['takeSealedAnswers']>[1]) => {
    const store = sealedAnswersStore(connection, region)
    const rows = await store.takeSealedAnswers(under, after, MOST)
    const { pairs, failed } = sealAnew(rows, ({ bytes, ...name }) =>
      keyring.resealSecret({ bytes, masterKeyId: under }, answerNames(region, name), to),
    )
    return { last: next(rows), failed, written: await store.updateSealedAnswers(under, to, pairs) }
  }
}
type Answers = ReturnType<typeof sealedAnswersStore>

function auditKey({ region, keyring }: Needs, under: MasterKeyId, to: MasterKeyId) {
  return async (connection: OperatorConnection): Promise<BatchDone<never>> => {
    const sealed = await auditKeyStore(connection, region).findAuditKey()
    const rows = sealed?.masterKeyId === under ? [sealed] : []
    const { pairs, failed } = sealAnew(rows, (row) => keyring.resealSecret(row, auditKeyNames(region), to))
    let written = 0
    for (const { row, resealed } of pairs) {
      const anew = { bytes: resealed, masterKeyId: to }
      written += Number(await sealedAuditKeyStore(connection, region).updateAuditKey(row, anew))
    }
    return { last: undefined, failed, written }
  }
}

/** A row that does not open fails whoever needs it, and nobody else. */
function sealAnew<Row>(rows: readonly Row[], anew: (row: Row) => { readonly bytes: Buffer }) {
  const pairs = rows.flatMap((row) => {
    try {
      return [{ row, resealed: anew(row).bytes }]
    } catch {
      return []
    }
  })
  return { pairs, failed: rows.length - pairs.length }
}

function next<Row>(rows: readonly Row[]): Row | undefined {
  return rows.length === MOST ? rows.at(-1) : undefined
}
