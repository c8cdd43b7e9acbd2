/**
 * Seals and opens private keys, and the few other secrets that lie in rows. A key belongs to its region, tenant, workspace and
 * kid, and opens for no other.
 */
import { createPrivateKey } from 'node:crypto'
import type { Kid, TenantId, WorkspaceId } from '../ids.ts'
import type { Algorithm } from '../oauth/signing.ts'
import type { MasterKeyId } from '../sealing/master-keys.ts'
import type { Belonging, Sealed, Sealing } from '../sealing/seal.ts'
import type { Region } from '../tenancy/region.ts'
import type { ActiveKey } from './signing-key.ts'

export type KeyOwner = {
  readonly region: Region
  readonly tenantId: TenantId
  readonly workspaceId: WorkspaceId
}

export function keyring(sealing: Sealing) {
  const reseal = (sealed: Sealed, names: Belonging, to: MasterKeyId): Sealed => {
    const plain = sealing.open(sealed, names)
    try {
      return sealing.seal(plain, names, to)
    } finally {
      plain.fill(0)
    }
  }

  return {
    /** Of the master keys that are known here, in their order. */
    masterKeyIds: sealing.ids,

    /** @param by of `sealingKey` */
    seal: (privateKey: Buffer, owner: KeyOwner, kid: Kid, by: MasterKeyId): Sealed =>
      sealing.seal(privateKey, belonging(owner, kid), by),

    /** @throws Error when the key was sealed under another master key, or for another owner or kid */
    open(
      { kid, algorithm, ...sealed }: Sealed & { kid: Kid; algorithm: Algorithm },
      owner: KeyOwner,
    ): ActiveKey {
      const key = sealing.open(sealed, belonging(owner, kid))
      const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' })
      key.fill(0)
      return { kid, algorithm, workspaceId: owner.workspaceId, privateKey }
    },

    /** @param names what it is, then the names that it belongs to: no region's name comes first, so it is no private key's */
    sealSecret: (secret: Buffer, names: Belonging, by: MasterKeyId): Sealed =>
      sealing.seal(secret, names, by),
    openSecret: (sealed: Sealed, names: Belonging): Buffer => sealing.open(sealed, names),

    /** The same under another master key. @throws Error as `open` */
    resealKey: (sealed: Sealed, owner: KeyOwner, kid: Kid, to: MasterKeyId): Sealed =>
      reseal(sealed, belonging(owner, kid), to),
    resealSecret: reseal,
  }
}

function belonging({ region, tenantId, workspaceId }: KeyOwner, kid: Kid) {
  return [region, tenantId, workspaceId, kid]
}

export type Keyring = ReturnType<typeof keyring>
