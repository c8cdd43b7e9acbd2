/**
 * Seals bytes before they reach a row: AES-256-GCM (NIST SP 800-38D) under a master key. What a sealed value
 * belongs to is its associated data, so that a row moved to another tenant, workspace or key does not open. Which master key
 * seals is the caller's word (`keys/sealing-key.ts`): what one node seals, all nodes of its region must open.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { frame } from './frame.ts'
import type { MasterKeyId, MasterKeys } from './master-keys.ts'

export type Sealed = { readonly masterKeyId: MasterKeyId; readonly bytes: Buffer }
/** The names that a value belongs to, from the widest to the narrowest: region, tenant, workspace, ... */
export type Belonging = readonly string[]

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

export type Sealing = {
  /** In the order in which they are given: the first seals, where all others know it. */
  readonly ids: readonly [MasterKeyId, ...MasterKeyId[]]
  /** @throws Error when the master key is not known */
  seal(plain: Buffer, belonging: Belonging, masterKeyId: MasterKeyId): Sealed
  /** @throws Error when the master key is not known or the value was not sealed for `belonging` */
  open(sealed: { masterKeyId: string; bytes: Buffer }, belonging: Belonging): Buffer
}

export function sealing(masterKeys: MasterKeys): Sealing {
  const [first, ...others] = masterKeys
  const requireKey = (masterKeyId: string) => {
    const master = masterKeys.find(({ id }) => id === masterKeyId)
    if (master === undefined) throw new Error(`the master key ${masterKeyId} is not known`)
    return master.key
  }

  return {
    ids: [first.id, ...others.map(({ id }) => id)],

    seal(plain, belonging, masterKeyId) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(CIPHER, requireKey(masterKeyId), nonce).setAAD(frame(belonging))
      const bytes = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
      return { masterKeyId, bytes }
    },

    open({ masterKeyId, bytes }, belonging) {
      const decipher = createDecipheriv(CIPHER, requireKey(masterKeyId), bytes.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      })
      decipher.setAAD(frame(belonging)).setAuthTag(bytes.subarray(-TAG_BYTES))
      return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()])
    },
  }
}
