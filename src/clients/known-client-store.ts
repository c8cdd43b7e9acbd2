/**
 * Rows of clients with their credentials and grants, as requests need them: many at once, each checked by itself, so that
 * one whose rows are damaged fails nobody else. Reads only. Columns are named one by one: a prepared `select *` ends with
 * an error when a later release adds a column.
 */
import { sql } from 'kysely'
import { z } from 'zod'
import {
  CREDENTIAL_ID,
  type ClientId,
  type CredentialId,
  type ResourceServerId,
  type WorkspaceId,
} from '../ids.ts'
import { isResourceIdentifier } from '../oauth/resource.ts'
import { isScopeToken } from '../oauth/scope.ts'
import { ALGORITHMS, JWT_TYPES } from '../oauth/signing.ts'
import { readRow, wholeSeconds } from '../storage/row.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import { STORED_HASH } from './hash-forms.ts'
import { SECRET_METHODS, type Credential, type KnownClient, type ScopeGrant } from './client.ts'

export function knownClientStore({ db, tenantId }: TenantConnection, workspaceId: WorkspaceId) {
  const here = { tenant_id: tenantId, workspace_id: workspaceId }

  return {
    /**
     * As many statements for ids that nobody has as for others: how long it takes does not tell who exists.
     * @returns for each id that there is the client, or why its rows cannot be used
     */
    async findClients(ids: readonly ClientId[]): Promise<ReadonlyMap<ClientId, KnownClient | Error>> {
      const one = sql<ClientId>`any(${ids}::text[])`
      const clients = await db
        .selectFrom('client')
        .select(['client_id', 'state', 'token_endpoint_auth_method', 'strict_auth_method', 'grant_types'])
        .select(['default_resource_server_id', 'several_resources', 'tokens_per_minute', 'allowed_networks'])
        .where((eb) => eb.and(here))
        .where('client_id', '=', one)
        .execute()
      const credentials = await db
        .selectFrom('credential')
        .select(['client_id', 'credential_id', 'origin', 'bcrypt_hash', 'digest', 'digest_key_id'])
        .select(['state', 'not_before', 'expires_at', 'awaits_use'])
        .where((eb) => eb.and(here))
        .where('client_id', '=', one)
        .orderBy('created_at')
        .execute()
      const grants = await db
        .selectFrom('scope_grant as granted')
        .innerJoin('scope', (join) =>
          join
            .onRef('scope.tenant_id', '=', 'granted.tenant_id')
            .onRef('scope.workspace_id', '=', 'granted.workspace_id')
            .onRef('scope.scope_token', '=', 'granted.scope_token'),
        )
        .innerJoin('resource_server as owner', (join) =>
          join
            .onRef('owner.tenant_id', '=', 'scope.tenant_id')
            .onRef('owner.workspace_id', '=', 'scope.workspace_id')
            .onRef('owner.resource_server_id', '=', 'scope.resource_server_id'),
        )
        .select(['granted.client_id', 'granted.scope_token', 'granted.by_default'])
        .select(['owner.resource_server_id', 'owner.identifier', 'owner.signing_algorithm', 'owner.jwt_type'])
        .where('granted.tenant_id', '=', tenantId)
        .where('granted.workspace_id', '=', workspaceId)
        .where('granted.client_id', '=', one)
        .orderBy('granted.scope_token')
        .execute()
      const credentialsOf = groupByClient(credentials)
      const grantsOf = groupByClient(grants)
      return new Map(
        clients.map(({ client_id: id, ...row }) => [
          id,
          readClient(id, row, credentialsOf.get(id) ?? [], grantsOf.get(id) ?? []),
        ]),
      )
    },

    async findClient(id: ClientId): Promise<KnownClient | undefined> {
      const client = (await this.findClients([id])).get(id)
      if (client instanceof Error) throw client
      return client
    },
  }
}

const CLIENT = z.object({
  state: z.enum(['enabled', 'disabled']),
  token_endpoint_auth_method: z.enum(SECRET_METHODS),
  strict_auth_method: z.boolean(),
  grant_types: z.array(z.string().max(200)).max(50),
  default_resource_server_id: z.uuid().nullable(),
  several_resources: z.boolean(),
  tokens_per_minute: z.int().positive().nullable(),
  allowed_networks: z.array(z.string().max(50)).max(50),
})

const CREDENTIAL = z.object({
  credential_id: z.string().regex(CREDENTIAL_ID),
  origin: z.enum(['generated', 'chosen']),
  bcrypt_hash: z.string().max(200).regex(STORED_HASH),
  digest: z.instanceof(Buffer).nullable(),
  digest_key_id: z.string().max(64).nullable(),
  state: z.enum(['live', 'revoked']),
  not_before: z.date().nullable(),
  expires_at: z.date().nullable(),
  awaits_use: z.boolean(),
})

const GRANT = z.object({
  scope_token: z.string().max(200).refine(isScopeToken),
  by_default: z.boolean(),
  resource_server_id: z.uuid(),
  identifier: z.string().refine(isResourceIdentifier),
  signing_algorithm: z.enum(ALGORITHMS).nullable(),
  jwt_type: z.enum(JWT_TYPES),
})

function readClient(
  id: ClientId,
  clientRow: unknown,
  credentials: readonly unknown[],
  grants: readonly unknown[],
): KnownClient | Error {
  try {
    const row = readRow('client', CLIENT, clientRow)
    return {
      id,
      state: row.state,
      tokenEndpointAuthMethod: row.token_endpoint_auth_method,
      strictAuthMethod: row.strict_auth_method,
      grantTypes: row.grant_types,
      defaultResourceServerId: (row.default_resource_server_id ?? undefined) as ResourceServerId | undefined,
      severalResources: row.several_resources,
      tokensPerMinute: row.tokens_per_minute ?? undefined,
      allowedNetworks: row.allowed_networks,
      credentials: credentials.map(readCredential),
      grants: grants.map(readGrant),
    }
  } catch (error) {
    return error as Error
  }
}

function readCredential(credentialRow: unknown): Credential {
  const row = readRow('credential', CREDENTIAL, credentialRow)
  return {
    id: row.credential_id as CredentialId,
    origin: row.origin,
    bcryptHash: row.bcrypt_hash,
    digest:
      row.digest === null || row.digest_key_id === null
        ? undefined
        : { keyId: row.digest_key_id, bytes: row.digest },
    state: row.state,
    notBefore: wholeSeconds(row.not_before),
    expiresAt: wholeSeconds(row.expires_at),
    awaitsUse: row.awaits_use,
  }
}

function readGrant(grantRow: unknown): ScopeGrant {
  const row = readRow('scope_grant', GRANT, grantRow)
  return {
    scopeToken: row.scope_token,
    byDefault: row.by_default,
    resourceServerId: row.resource_server_id as ResourceServerId,
    resource: row.identifier,
    signingAlgorithm: row.signing_algorithm ?? undefined,
    jwtType: row.jwt_type,
  }
}

function groupByClient<Row extends { client_id: ClientId }>(
  rows: readonly Row[],
): ReadonlyMap<ClientId, Omit<Row, 'client_id'>[]> {
  const groups = new Map<ClientId, Omit<Row, 'client_id'>[]>()
  for (const { client_id: id, ...row } of rows) {
    const group = groups.get(id)
    if (group === undefined) groups.set(id, [row])
    else group.push(row)
  }
  return groups
}
