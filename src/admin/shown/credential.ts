/** Credentials as administration shows and takes them; a secret is shown once, or encrypted to a key. */
import { CompactEncrypt, importJWK, type JWK } from 'jose'
import { z } from 'zod'
import { credentialListStore, type ListedCredential } from '../../clients/credential-list-store.ts'
import { CREDENTIAL_ID, type ClientId, type CredentialId } from '../../ids.ts'
import type { TenantConnection } from '../../storage/transaction.ts'
import type { Workspace } from '../../tenancy/tenant.ts'
import type { Connection, Context, Shown } from '../route.ts'
import type { UseVerdict } from '../../records/use-verdict.ts'
import { notFound, Problem } from '../problem.ts'
import { iso, MOMENT } from '../shapes.ts'

export const CREDENTIAL = z.object({
  id: z.string(),
  client_id: z.string(),
  kind: z.literal('secret'),
  origin: z.enum(['generated', 'chosen']),
  label: z.string(),
  state: z.enum(['live', 'revoked']),
  created_at: z.string(),
  created_by: z.string(),
  not_before: z.string().optional(),
  expires_at: z.string().optional(),
  replaces: z.string().optional(),
  last_used_at: z.string().optional(),
  last_used_from: z.string().optional(),
  use_count: z.int(),
})
export const VERDICT = z.discriminatedUnion('verdict', [
  z.object({ verdict: z.literal('used'), last_used_at: z.string(), last_used_from: z.string().optional() }),
  z.object({ verdict: z.literal('unused'), since: z.string(), until: z.string() }),
  z.object({ verdict: z.literal('unknown'), because: z.enum(['not_written_yet', 'some_uses_lost']) }),
])
export const MADE = CREDENTIAL.extend({
  secret: z.string().optional().meta({ description: 'shown this once' }),
  secret_jwe: z
    .string()
    .optional()
    .meta({ description: 'the secret, encrypted to the key of the request (RFC 7516)' }),
})
export const DELIVER = z.strictObject({
  jwk: z.looseObject({ kty: z.enum(['RSA', 'EC', 'OKP']) }).meta({ description: 'a public key (RFC 7517)' }),
})
export const NEW_SECRET = {
  label: z.string(),
  expires_at: MOMENT,
  deliver: DELIVER.meta({
    description: 'answer the secret encrypted to this key, in place of in plain text',
  }),
}
export function showCredential(one: ListedCredential): z.input<typeof CREDENTIAL> {
  return {
    id: one.id,
    client_id: one.clientId,
    kind: one.kind,
    origin: one.origin,
    label: one.label,
    state: one.state,
    created_at: iso(one.createdAt) ?? '',
    created_by: one.createdBy,
    ...(one.notBefore && { not_before: one.notBefore.toISOString() }),
    ...(one.expiresAt && { expires_at: one.expiresAt.toISOString() }),
    ...(one.replaces !== undefined && { replaces: one.replaces }),
    ...(one.lastUsedAt && { last_used_at: one.lastUsedAt.toISOString() }),
    ...(one.lastUsedFrom !== undefined && { last_used_from: one.lastUsedFrom }),
    use_count: one.useCount,
  }
}

const JWE_ALGORITHMS = { RSA: 'RSA-OAEP-256', EC: 'ECDH-ES+A256KW', OKP: 'ECDH-ES+A256KW' } as const

/** @throws Problem 422 for what is no public key that can be encrypted to */
async function encrypted(secret: string, jwk: z.output<typeof DELIVER>['jwk']): Promise<string> {
  try {
    if ('d' in jwk) throw new Error('it is a private key')
    const alg = JWE_ALGORITHMS[jwk.kty]
    const key = await importJWK(jwk as JWK, alg)
    return await new CompactEncrypt(new TextEncoder().encode(secret))
      .setProtectedHeader({ alg, enc: 'A256GCM' })
      .encrypt(key)
  } catch (cause) {
    const detail = 'deliver.jwk is no public RSA, EC or X25519 key that a secret can be encrypted to'
    throw new Problem(422, 'jwk_unusable', detail, { errors: [{ pointer: '/deliver/jwk', detail }], cause })
  }
}

export function showVerdict(
  verdict: UseVerdict,
  since: Date,
  from: string | undefined,
): z.input<typeof VERDICT> {
  if (verdict.verdict === 'unknown') return verdict
  if (verdict.verdict === 'unused')
    return { verdict: 'unused', since: since.toISOString(), until: verdict.until.toISOString() }
  return {
    verdict: 'used',
    last_used_at: verdict.lastUsedAt.toISOString(),
    ...(from !== undefined && { last_used_from: from }),
  }
}

export const credentialOf = ({ params }: Pick<Context, 'params'>): CredentialId => {
  if (!CREDENTIAL_ID.test(params.credential ?? '')) throw notFound()
  return params.credential as CredentialId
}

export async function findCredential(
  connection: Connection,
  workspace: Workspace,
  clientId: ClientId,
  id: CredentialId,
) {
  const store = credentialListStore(connection as TenantConnection, workspace.id)
  const [found] = await store.listCredentials({ clientId, id }, undefined, 1)
  if (found === undefined) throw notFound()
  return found
}

/** What is compared by `If-Match`: not the uses, which go on. */
export function credentialState({ id, label, state, notBefore, expiresAt }: ListedCredential): object {
  return { id, label, state, notBefore, expiresAt }
}

/** Of one that lives. @throws Problem 404 */
export async function liveCredentialState(
  connection: Connection,
  workspace: Workspace,
  clientId: ClientId,
  id: CredentialId,
): Promise<object> {
  const found = await findCredential(connection, workspace, clientId, id)
  if (found.state !== 'live') throw notFound()
  return credentialState(found)
}

export async function showMade(
  connection: Connection,
  workspace: Workspace,
  clientId: ClientId,
  { credentialId, secret }: { credentialId: CredentialId; secret: string },
  deliver: z.output<typeof DELIVER> | undefined,
): Promise<Shown> {
  const shown = showCredential(await findCredential(connection, workspace, clientId, credentialId))
  const delivered = deliver === undefined ? { secret } : { secret_jwe: await encrypted(secret, deliver.jwk) }
  return {
    status: 201,
    body: { ...shown, ...delivered },
    location: `/workspaces/${workspace.slug}/clients/${clientId}/credentials/${credentialId}`,
    holdsSecret: true,
  }
}
