/** Rows of signing keys, for one workspace. A private key comes and goes sealed. Reads and writes, nothing else. */
import { sql } from 'kysely'
import { z } from 'zod'
import type { Kid, WorkspaceId } from '../ids.ts'
import { ALGORITHMS, type Algorithm } from '../oauth/signing.ts'
import type { Sealed } from '../sealing/seal.ts'
import { numericDate, readRow } from '../storage/row.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import { KEY_STATES, type KeyState, type PublicJwk, type SigningKey } from './signing-key.ts'

export type SealedKey = Sealed & { readonly kid: Kid; readonly algorithm: Algorithm }
export type NewKey = Omit<SigningKey, 'state' | 'activatedAt' | 'retiredAt' | 'kid' | 'algorithm'> & {
  readonly sealed: Sealed
  readonly publishedAt: number
}

export function keyStore({ db, tenantId }: TenantConnection, workspaceId: WorkspaceId) {
  const here = { tenant_id: tenantId, workspace_id: workspaceId }
  const selectKeys = () =>
    db
      .selectFrom('signing_key')
      .select(['kid', 'algorithm', 'state', 'public_jwk', 'may_sign_at', 'activated_at', 'retired_at'])
      .select(['max_token_lifetime', 'max_jwks_age', 'max_stale'])
      .where((eb) => eb.and(here))
      .orderBy('published_at')
      .orderBy('kid')

  return {
    /** Oldest first; `gone` and `revoked` ones too. */
    async listKeys(): Promise<readonly SigningKey[]> {
      const rows = await selectKeys().execute()
      return rows.map(readKey)
    },

    /** The same in one statement, each active one with its private key. */
    async listKeysWithSecrets(): Promise<readonly (SigningKey & { readonly sealed?: SealedKey })[]> {
      const rows = await selectKeys()
        .select('master_key_id')
        // What does not sign, or not any more, stays where it is.
        .select(
          sql<Buffer | null>`case state when 'active' then sealed_private_key end`.as('sealed_private_key'),
        )
        .execute()
      return rows.map((row) => ({
        ...readKey(row),
        ...(row.state === 'active' && { sealed: readSealedKey(row) }),
      }))
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

    /** Of keys that something may depend on: what they wait for before they go only grows. Seconds each. */
    async raiseMaxima(tokenLifetime: number, jwksAge: number): Promise<void> {
      await db
        .updateTable('signing_key')
        .set({
          max_token_lifetime: sql<number>`greatest(max_token_lifetime, ${tokenLifetime}::integer)`,
          max_jwks_age: sql<number>`greatest(max_jwks_age, ${jwksAge}::integer)`,
        })
        .where((eb) => eb.and(here))
        .where('state', 'in', ['published', 'active', 'retired'])
        .execute()
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

const KID = z.string().regex(/^[A-Za-z0-9_-]{43}$/)
const ALGORITHM = z.enum(ALGORITHMS)
const SECONDS = z.int().nonnegative()
/** RFC 7518 §6.2.2, §6.3.2 and §6.4.1: parameters of private keys. */
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

const SEALED_KEY = z.object({
  kid: KID,
  algorithm: ALGORITHM,
  sealed_private_key: z.instanceof(Buffer),
  master_key_id: z.string().min(1).max(64),
})

const KEY = z
  .object({
    kid: KID,
    algorithm: ALGORITHM,
    state: z.enum(KEY_STATES),
    public_jwk: z
      .looseObject({ kty: z.string(), kid: KID, use: z.literal('sig'), alg: ALGORITHM })
      .refine((jwk) => PRIVATE.every((parameter) => !(parameter in jwk))),
    may_sign_at: z.date(),
    activated_at: z.date().nullable(),
    retired_at: z.date().nullable(),
    max_token_lifetime: SECONDS,
    max_jwks_age: SECONDS,
    max_stale: SECONDS,
  })
  .refine(({ kid, algorithm, public_jwk: jwk }) => jwk.kid === kid && jwk.alg === algorithm, {
    path: ['public_jwk'],
  })

function readKey(keyRow: unknown): SigningKey {
  const row = readRow('signing_key', KEY, keyRow)
  return {
    kid: row.kid as Kid,
    algorithm: row.algorithm,
    state: row.state,
    publicJwk: row.public_jwk as PublicJwk,
    maySignAt: row.may_sign_at.getTime() / 1000,
    activatedAt: numericDate(row.activated_at),
    retiredAt: numericDate(row.retired_at),
    maxTokenLifetime: row.max_token_lifetime,
    maxJwksAge: row.max_jwks_age,
    maxStale: row.max_stale,
  }
}

function readSealedKey(keyRow: unknown): SealedKey {
  const row = readRow('signing_key', SEALED_KEY, keyRow)
  return { kid: row.kid as Kid, algorithm: row.algorithm, ...sealedOf(row) }
}

function sealedOf(row: { sealed_private_key: Buffer; master_key_id: string }): Sealed {
  return { bytes: row.sealed_private_key, masterKeyId: row.master_key_id as Sealed['masterKeyId'] }
}
