/**
 * Everything that can happen, as one union of values. Code does not call a logger or a counter: it observes, and each
 * sink decides what it keeps. No member has room for a secret, an assertion, a token or a key. Types only.
 */

export type Observation =
  | {
      readonly type: 'token_issued'
      readonly requestId: string
      readonly issuer: string
      readonly clientId: string
      readonly credentialId: string
      readonly grantType: string
      readonly scope: string
      readonly tokenId: string
    }
  | {
      readonly type: 'request_refused'
      readonly requestId: string
      readonly peer: string
      readonly status: number
      /** As the client was told, and the exact check behind it: docs/errors.md lists them. */
      readonly code: string
      readonly reason: string
      /** Where it was addressed to, once that is known. */
      readonly issuer?: string
      /** The path of the endpoint that it came to; none where the front door refused it. */
      readonly endpoint?: string
      /** Who asked to administer something. */
      readonly actor?: string
    }
  /** A request that had come to an endpoint was answered, whatever with. */
  | {
      readonly type: 'request_answered'
      readonly endpoint: string
      readonly status: number
      /** Since its headers were read. */
      readonly seconds: number
    }
  /** Its caller went away before there was an answer. */
  | { readonly type: 'request_abandoned'; readonly endpoint: string }
  /** So many requests were answered together, in one turn of the event loop. */
  | { readonly type: 'turn_taken'; readonly requests: number }
  /** A fault of ours, or of what we stand on. */
  | { readonly type: 'server_error'; readonly requestId: string; readonly error: unknown }
  | {
      readonly type: 'server_started'
      readonly url: string
      readonly opsUrl: string
      readonly regions: readonly string[]
    }
  /** Another certificate is in use from now on. */
  | { readonly type: 'certificate_replaced'; readonly endsAt: string }
  /** Of several: another one takes its place. */
  | {
      readonly type: 'worker_ended'
      readonly pid: number
      readonly code: number | null
      readonly signal: string | null
    }
  | { readonly type: 'server_stopping' }
  | { readonly type: 'server_stopped' }
  /** The feed of a region was not the one that was read before: what was remembered of it is forgotten. */
  | { readonly type: 'memory_emptied'; readonly region: string; readonly feedNumber: number }
  /** A database does not answer and is not waited for; or it answers again. */
  | { readonly type: 'database_lost'; readonly region: string; readonly error: unknown }
  | { readonly type: 'database_found'; readonly region: string }
  /** The same of a replica: the primary is asked in its place. */
  | { readonly type: 'replica_lost'; readonly region: string; readonly error: unknown }
  | { readonly type: 'replica_found'; readonly region: string }
  /** Notifications of changes come, or do not: changes are then known half a second later. */
  | { readonly type: 'listening'; readonly region: string; readonly listening: boolean }
  /** The node's clock against the database's; `wrong`: no token is issued. */
  | {
      readonly type: 'clock_compared'
      readonly region: string
      readonly state: 'right' | 'suspicious' | 'wrong'
      /** Positive: the node is ahead. */
      readonly skewMillis: number
    }
  /** The node's clock parted from the monotonic one; no token is issued until the database has confirmed it. */
  | { readonly type: 'clock_jumped'; readonly region: string; readonly jumpMillis: number }
  /** What the live nodes of a region may open, and what its database takes. */
  | {
      readonly type: 'connections_counted'
      readonly region: string
      readonly connections: number
      readonly limit: number
      readonly nodes: number
      readonly tooMany: boolean
    }
  /** So many rows of the issuance log were written in one commit. */
  | { readonly type: 'issuance_committed'; readonly region: string; readonly rows: number }
  /** The issuance log of a region was looked after; `strays`: rows that lie in no day's partition. */
  | {
      readonly type: 'issuance_tended'
      readonly region: string
      readonly strays: number
      readonly detached: number
      readonly dropped: number
    }
  /** Secrets that live, and end within a day, a week, a month; each holds the ones before it. */
  | {
      readonly type: 'secrets_expiring'
      readonly region: string
      readonly day: number
      readonly week: number
      readonly month: number
    }
  /** By administration, and committed: kept elsewhere than the database, it tells what a backup does not know of. */
  | {
      readonly type: 'change_made'
      readonly requestId: string
      readonly actor: string
      readonly region: string
      readonly tenant: string
      readonly action: string
      readonly subject: string
      readonly workspaceId?: string
      /** Which of the subject's, where it is about one. */
      readonly credentialId?: string
      /** Of a key that was revoked. */
      readonly kid?: string
      readonly scopes?: readonly string[]
    }
  /** A secret that lives ends within so many days: said once for each of 30, 7 and 1. */
  | {
      readonly type: 'secret_expiring'
      readonly region: string
      readonly tenant: string
      readonly workspace: string
      readonly clientId: string
      readonly credentialId: string
      readonly days: number
      /** ISO 8601. */
      readonly expiresAt: string
    }
  /** What a deleted workspace had, or one of a deleted tenant, was taken away. */
  | { readonly type: 'workspace_emptied'; readonly issuer: string; readonly rows: number }
  /** By its schedule. */
  | { readonly type: 'keys_rotated'; readonly issuer: string; readonly steps: number }
  /** What was sealed with older master keys is under this one now; `failed`: rows that do not open. */
  | {
      readonly type: 'values_resealed'
      readonly region: string
      readonly masterKeyId: string
      readonly signingKeys: number
      readonly auditKeys: number
      readonly answers: number
      readonly failed: number
    }
  /** Ids of the master keys that something in the region was sealed with, and that this node has not or has wrongly. */
  | { readonly type: 'master_keys_compared'; readonly region: string; readonly missing: readonly string[] }
  /** Where a tenant's audit trail ends. */
  | { readonly type: 'audit_checkpoint'; readonly checkpoint: AuditCheckpoint }
  /** Somebody who has no audit key wrote to a tenant's audit trail. */
  | { readonly type: 'audit_head_wrong'; readonly region: string; readonly tenant: string }
  /** What an operator should look at, though the server runs. */
  | { readonly type: 'warning'; readonly message: string }

export type Observe = (observation: Observation) => void

/** Where a chain of audit events ended at some moment; its signature says that this region said so. */
export type AuditCheckpoint = {
  readonly region: string
  readonly tenant: string
  readonly sequence: number
  /** base64url, as is the signature. */
  readonly mac: string
  readonly at: string
  readonly signature: string
}
