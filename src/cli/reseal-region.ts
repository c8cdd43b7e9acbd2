/** Seals anew what a region has under older master keys, as an operator asks for it: until nothing is left, telling how far it is. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChangeNeeds } from '../changes/change.ts'
import { masterKeyStatus, type MasterKeyStatus } from '../changes/master-key-status.ts'
import { reseal, type Resealed } from '../changes/reseal.ts'
import { resealingKey } from '../keys/sealing-key.ts'
import type { MasterKeyId } from '../sealing/master-keys.ts'
import { OperatorError } from '../storage/operator-error.ts'
import type { Region } from '../tenancy/region.ts'
import { report } from './print.ts'

/** @property held rows that somebody else held each time */
export type RegionResealed = Resealed & {
  readonly region: Region
  readonly masterKeyId: string
  readonly held: number
}

/** A row is held for as long as a change takes: some seconds at the most. */
const ATTEMPTS = 20
const PAUSE = 500
const TELL_EVERY = 1000

/** @throws OperatorError while nodes do not seal with the first master key that is given here */
export async function resealRegion(needs: ChangeNeeds): Promise<RegionResealed> {
  const { region, database } = needs
  const to = await requireAgreement(needs)
  const total = { signingKeys: 0, auditKeys: 0, answers: 0 }
  let failed = 0
  let left = countOthers(await masterKeyStatus(database, region), to)
  report(
    left === 0
      ? `${region}: nothing is under another key than ${to}.`
      : `${region}: ${left} values are under other keys than ${to}.`,
  )
  let told = performance.now()
  for (let attempt = 1; left > failed && attempt <= ATTEMPTS; attempt += 1) {
    if (attempt > 1) await sleep(PAUSE)
    const done = await reseal(needs, await requireAgreement(needs), (until) => {
      if (performance.now() - told < TELL_EVERY) return
      told = performance.now()
      report(`… ${region}: ${sum(total) + sum(until)} of ${left + sum(total)}`)
    })
    total.signingKeys += done.signingKeys
    total.auditKeys += done.auditKeys
    total.answers += done.answers
    failed = done.failed
    left = countOthers(await masterKeyStatus(database, region), to)
  }
  const held = Math.max(0, left - failed)
  if (sum(total) > 0)
    report(
      `${region}: ${total.signingKeys} signing keys, ${total.auditKeys} audit keys and ${total.answers} answers are under ${to} now.`,
    )
  if (failed > 0)
    report(`${region}: ${failed} values do not open: they are as they were. See master-key status.`)
  if (held > 0)
    report(
      `${region}: ${held} values were held by others, or are under keys that are not given here: run it again.`,
    )
  return { region, masterKeyId: to, ...total, failed, held }
}

function sum({ signingKeys, auditKeys, answers }: Omit<Resealed, 'failed'>): number {
  return signingKeys + auditKeys + answers
}

function countOthers({ keys }: MasterKeyStatus, to: string): number {
  return keys.filter(({ id }) => id !== to).reduce((all, key) => all + sum(key), 0)
}

async function requireAgreement({ region, database, keyring }: ChangeNeeds): Promise<MasterKeyId> {
  const to = await database.asOperator((connection) => resealingKey(connection, region, keyring))
  const [first] = keyring.masterKeyIds
  if (to === first) return first
  const { nodes } = await masterKeyStatus(database, region)
  const each = nodes.map(
    ({ id, live, masterKeyIds }) => `  - ${id}${live ? '' : ' (silent)'}: ${masterKeyIds.join(', ')}`,
  )
  throw new OperatorError(
    `Region ${region}: nothing was sealed anew with ${first}, since not all nodes know it and have it first. They have:\n${each.join('\n')}\nA silent node counts until it must have stopped (REGENT_MAX_STALE).`,
  )
}
