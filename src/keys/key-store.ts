/** Rows of signing keys, for one workspace. A private key comes and goes sealed. Reads and writes, nothing else. */
import type { Kid, WorkspaceId } from '../ids.ts'
import type { Algorithm } from '../oauth/signing.ts'
import type { Sealed } from '../sealing/seal.ts'
import type { OperatorConnection, TenantConnection } from '../storage/transaction.ts'
import type { KeyState, PublicJwk, SigningKey } from './signing-key.ts'

export type SealedKey = Sealed & { readonly kid: Kid; readonly algorithm: Algorithm }
export type NewKey = Omit<SigningKey, 'state' | 'activatedAt' | 'retiredAt' | 'kid' | 'algorithm'> & {
  readonly sealed: Sealed
  readonly publishedAt: number
}

export function keyStore({ db, tenantId }: TenantConnection, workspaceId: WorkspaceId) {
  const here = { tenant_id: tenantId, workspace_id: workspaceId }

  return {
    /** Oldest first; `gone` and `revoked` ones too. */
    async listKeys(): Promise<readonly SigningKey[]> {
      const rows = await db
        .selectFrom('signing_key')
        .selectAll()
        .where((eb) => eb.and(here))
        .orderBy('published_at')
        .orderBy('kid')
        .execute()
      return rows.map((row) => ({
        kid: row.kid,
        algorithm: row.algorithm as Algorithm,
        state: row.state,
        publicJwk: row.public_jwk as PublicJwk,
        maySignAt: row.may_sign_at.getTime() / 1000,
        activatedAt: numericDate(row.activated_at),
        retiredAt: numericDate(row.retired_at),
        maxTokenLifetime: row.max_token_lifetime,
        maxJwksAge: row.max_jwks_age,
        maxStale: row.max_stale,
      }))
    },

    /** The longest active first: one of each algorithm in use. */
    async listActiveKeys(): Promise<readonly SealedKey[]> {
      const rows = await db
        .selectFrom('signing_key')
        .select(['kid', 'algorithm', 'sealed_private_key', 'master_key_id'])
        .where((eb) => eb.and({ ...here, state: 'active' }))
        .orderBy('activated_at')
        .orderBy('kid')
        .execute()
      return rows.map((row) => ({ kid: row.kid, algorithm: row.algorithm as Algorithm, ...sealedOf(row) }))
    },

    /** @param active it signs at once, beside a published one that may not sign yet */
    async insertKey(key: NewKey, active: boolean): Promise<void> {
      await db
        .insertInto('signing_key')
        .values({
          ...here,
          kid: key.publicJwk.kid,
          algorithm: key.publicJwk.alg,
          state: active ? 'active' : 'published',
          public_jwk: JSON.stringify(key.publicJwk),
          sealed_private_key: key.sealed.bytes,
          master_key_id: key.sealed.masterKeyId,
          may_sign_at: new Date(key.maySignAt * 1000),
          published_at: new Date(key.publishedAt * 1000),
          max_token_lifetime: key.maxTokenLifetime,
          max_jwks_age: key.maxJwksAge,
          max_stale: key.maxStale,
          ...(active && { activated_at: new Date(key.publishedAt * 1000) }),
        })
        .execute()
    },

    /** A step is taken only from the state that it starts in. @returns whether it was */
    async moveKey(kid: Kid, from: KeyState, to: 'active' | 'retired' | 'gone' | 'revoked', now: number) {
      const at = new Date(now * 1000)
      const times = {
        active: { activated_at: at },
        retired: { retired_at: at },
        gone: { gone_at: at },
        revoked: { revoked_at: at },
      }
      const { numUpdatedRows } = await db
        .updateTable('signing_key')
        .set({ state: to, ...times[to] })
        .where((eb) => eb.and({ ...here, kid, state: from }))
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },

    /** Two rotations of one workspace wait for each other here. */
    async lockKeys(): Promise<void> {
      await db
        .selectFrom('signing_key')
        .select('kid')
        .where((eb) => eb.and(here))
        .orderBy('kid')
        .forUpdate()
        .execute()
    },
  }
}

/** What operators see of keys: which master key each still needs. */
export function keyStoreSamples({ db }: OperatorConnection) {
  return {
    /** One sealed key for each master key in use, with all that it belongs to. */
    async listSamples(region: string) {
      const rows = await db
        .selectFrom('signing_key as key')
        .innerJoin('tenant', 'tenant.tenant_id', 'key.tenant_id')
        .distinctOn('key.master_key_id')
        .select(['key.tenant_id', 'key.workspace_id', 'key.kid', 'key.algorithm'])
        .select(['key.sealed_private_key', 'key.master_key_id'])
        .where('tenant.region', '=', region)
        .where('key.state', 'in', ['published', 'active'])
        .orderBy('key.master_key_id')
        .execute()
      return rows.map((row) => ({
        tenantId: row.tenant_id,
        workspaceId: row.workspace_id,
        kid: row.kid,
        algorithm: row.algorithm as Algorithm,
        ...sealedOf(row),
      }))
    },
  }
}

function sealedOf(row: { sealed_private_key: Buffer; master_key_id: string }): Sealed {
  return { bytes: row.sealed_private_key, masterKeyId: row.master_key_id as Sealed['masterKeyId'] }
}

function numericDate(date: Date | null): number | undefined {
  return date === null ? undefined : date.getTime() / 1000
}
