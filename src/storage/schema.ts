/** The tables as Kysely sees them, column by column as the migrations made them. Types only. */
import type { ColumnType, Generated, JSONColumnType, RawBuilder } from 'kysely'
import type {
  ClientId,
  CredentialId,
  Issuer,
  Kid,
  NodeId,
  ResourceServerId,
  TenantId,
  WorkspaceId,
} from '../ids.ts'

type DatabaseTime = Generated<Date>
/** At most so many; null: as many as are asked for. */
type Limit = Generated<number | null>

export type Schema = {
  tenant: {
    tenant_id: TenantId
    region: string
    slug: string
    tokens_per_minute: Limit
    state: Generated<'live' | 'suspended' | 'deleted'>
    gone_at: ColumnType<Date | null, never, Date | RawBuilder<Date> | null>
    max_workspaces: Limit
    max_resource_servers: Limit
    max_clients: Limit
    max_scopes: Limit
    created_at: DatabaseTime
  }
  workspace: OfWorkspace & {
    slug: string
    issuer: ColumnType<Issuer, Issuer, never>
    access_token_lifetime: number
    jwks_max_age: number
    signing_lead: number
    chosen_secrets: boolean
    audience_parameter: boolean
    signing_algorithm: Generated<string>
    chosen_digests: Generated<boolean>
    rehash: Generated<boolean>
    imported_bcrypt_cost: ColumnType<number, never, RawBuilder<number>>
    imported_iterations: ColumnType<number, never, RawBuilder<number>>
    tokens_per_minute: Limit
    state: Generated<'enabled' | 'disabled' | 'deleted'>
    built_in: Generated<boolean>
    self_rotation: Generated<boolean>
    key_rotation: Generated<string | null>
    rotation_due_at: Generated<Date | null>
    deleted_at: ColumnType<Date | null, never, RawBuilder<Date> | null>
    /** What it had was taken away. */
    emptied_at: ColumnType<Date | null, never, RawBuilder<Date>>
    created_at: DatabaseTime
  }
  resource_server: OfWorkspace & {
    resource_server_id: ResourceServerId
    identifier: string
    name: string
    signing_algorithm: string | null
    jwt_type: Generated<string>
    created_at: DatabaseTime
  }
  scope: OfWorkspace & {
    scope_token: string
    resource_server_id: ResourceServerId
    description: string
    created_at: DatabaseTime
  }
  client: OfWorkspace & {
    client_id: ClientId
    name: string
    client_type: Generated<'confidential'>
    state: Generated<'enabled' | 'disabled'>
    token_endpoint_auth_method: 'client_secret_basic' | 'client_secret_post'
    strict_auth_method: boolean
    grant_types: string[]
    default_resource_server_id: ResourceServerId | null
    several_resources: boolean
    tokens_per_minute: Limit
    allowed_networks: Generated<string[]>
    created_at: DatabaseTime
  }
  credential: OfWorkspace & {
    client_id: ClientId
    credential_id: CredentialId
    kind: 'secret'
    origin: 'generated' | 'chosen'
    label: string
    /** Or one of PBKDF2 that came from elsewhere; see clients/hash-forms.ts. */
    bcrypt_hash: string
    digest: Buffer | null
    digest_key_id: string | null
    slot: number | null
    state: Generated<'live' | 'revoked'>
    created_at: DatabaseTime
    not_before: Date | null
    expires_at: ColumnType<Date | null, Date | null, Date | RawBuilder<Date> | null>
    created_by: string
    /** Within how many days of its end that was said last. */
    expiry_told: ColumnType<number | null, never, RawBuilder<number | null>>
    /** The credential that it replaces; that one ends so many seconds after the first use of this one. */
    replaces: string | null
    overlap: number | null
    awaits_use: Generated<boolean>
  }
  scope_grant: OfWorkspace & {
    client_id: ClientId
    scope_token: string
    by_default: boolean
    created_at: DatabaseTime
  }
  signing_key: OfWorkspace & {
    kid: Kid
    algorithm: string
    state: 'published' | 'active' | 'retired' | 'gone' | 'revoked'
    public_jwk: JSONColumnType<Record<string, unknown>>
    sealed_private_key: Buffer
    master_key_id: string
    may_sign_at: Date
    max_token_lifetime: number
    max_jwks_age: number
    max_stale: number
    published_at: Date
    activated_at: Date | null
    retired_at: Date | null
    revoked_at: Date | null
    gone_at: Date | null
  }
  audit_event: {
    tenant_id: TenantId
    event_id: string
    workspace_id: WorkspaceId | null
    action: string
    subject: string
    actor: string
    request_id: string | null
    details: JSONColumnType<Record<string, unknown>>
    occurred_at: Generated<Date>
    /** Null of events from before the chain. */
    sequence: string | null
    mac: Buffer | null
    peer: string | null
  }
  audit_head: {
    tenant_id: TenantId
    sequence: string
    mac: Buffer
    head_mac: Buffer
    /** The last event that a checkpoint was logged of. */
    checkpointed: Generated<string>
  }
  audit_key: { region: string; sealed_key: Buffer; master_key_id: string; created_at: DatabaseTime }
  /** Partitioned by day, and written by operators: see migrations/0004-issuance.ts. */
  issuance: OfWorkspace & {
    issued_at: Date
    events: Generated<number>
    token_id: string
    client_id: string
    credential_id: string
    scope: string
    audience: string
    peer: string
    request_id: string
    /** 'issued', 'dropped', 'refusals_dropped', or why a client that had proved itself got no token. */
    outcome: string
  }
  credential_use: OfWorkspace & {
    client_id: ClientId
    credential_id: CredentialId
    last_used_at: Date
    uses: string
    last_used_from: string | null
  }
  idempotency_record: {
    tenant_id: TenantId
    actor: string
    method: string
    route: string
    key: string
    request_digest: Buffer
    sealed_answer: Buffer | null
    master_key_id: string | null
    answer_until: ColumnType<Date, Date | RawBuilder<Date>, Date | RawBuilder<Date>>
    expires_at: ColumnType<Date, Date | RawBuilder<Date>, never>
  }
  issuance_count: OfWorkspace & { client_id: ClientId; day: ColumnType<Date, string>; issued: string }
  use_gap: { region: string; gap_id: string; began_at: Date; ended_at: Date }
  tombstone: {
    region: string
    tenant_id: string
    workspace_id: string
    kind: 'tenant' | 'workspace' | 'resource_server' | 'client'
    name: string
    deleted_at: DatabaseTime
  }
  change_counter: { region: string; number: string }
  change_feed: {
    region: string
    number: string
    entry_id: string
    kind: string
    tenant_id: TenantId
    workspace_id: WorkspaceId | null
    subject: string | null
    changed_at: DatabaseTime
  }
  node: {
    region: string
    node_id: NodeId
    feed_number: string
    connections: number
    master_key_ids: string[]
    version: string
    uses_flushed_at: Date | null
    max_stale: Generated<number>
    started_at: DatabaseTime
    seen_at: ColumnType<Date, Date | undefined, Date | RawBuilder<Date>>
  }
  database_region: { region: string; stamped_at: DatabaseTime }
  breaking_migration: { name: string }
  /** Kysely's own table of what was run. */
  migration: { name: string; timestamp: string }
}

type OfWorkspace = { tenant_id: TenantId; workspace_id: WorkspaceId }
