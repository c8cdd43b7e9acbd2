/** Rows of signing keys, for one workspace. A private key comes and goes sealed. Reads and writes, nothing else. */
import { sql } from 'kysely'
import type { Kid, WorkspaceId } from '../ids.ts'
import type { Sealed } from '../sealing/seal.ts'
import type { OperatorConnection, TenantConnection } from '../storage/transaction.ts'
import type { Algorithm, KeyState, PublicJwk, SigningKey } from './signing-key.ts'

export type SealedKey = Sealed & { readonly kid: Kid; readonly algorithm: Algorithm }
export type NewKey = Omit<SigningKey, 'state' | 'retiredAt' | 'kid' | 'algorithm'> & {
  readonly sealed: Sealed
  readonly publishedAt: number
  /** Signs from its first moment, and so never takes the place of the published key that waits beside it. */
  readonly activate: boolean
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
        retiredAt: row.retired_at === null ? undefined : row.retired_at.getTime() / 1000,
        maxTokenLifetime: row.max_token_lifetime,
        maxJwksAge: row.max_jwks_age,
        maxStale: row.max_stale,
      }))
    },

    async findActiveKey(algorithm: Algorithm): Promise<SealedKey | undefined> {
      const row = await db
        .selectFrom('signing_key')
        .select(['kid', 'sealed_private_key', 'master_key_id'])
        .where((eb) => eb.and({ ...here, algorithm, state: 'active' }))
        .executeTakeFirst()
      return row && { kid: row.kid, algorithm, ...sealedOf(row) }
    },

    async insertKey(key: NewKey): Promise<void> {
      await db
        .insertInto('signing_key')
        .values({
          ...here,
          kid: key.publicJwk.kid,
          algorithm: key.publicJwk.alg,
          state: key.activate ? 'active' : 'published',
          public_jwk: JSON.stringify(key.publicJwk),
          sealed_private_key: key.sealed.bytes,
          master_key_id: key.sealed.masterKeyId,
          may_sign_at: new Date(key.maySignAt * 1000),
          published_at: new Date(key.publishedAt * 1000),
          activated_at: key.activate ? new Date(key.publishedAt * 1000) : null,
          max_token_lifetime: key.maxTokenLifetime,
          max_jwks_age: key.maxJwksAge,
          max_stale: key.maxStale,
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

    /** Seconds since 1970 by the database's clock. */
    async now(): Promise<number> {
      const { rows } = await sql<{ now: Date }>`select now()`.execute(db)
      return Math.floor((rows[0]?.now.getTime() ?? Number.NaN) / 1000)
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
