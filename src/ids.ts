/**
 * Names that code passes around, branded so that a client id is never handed over where a tenant id is
 * meant. Only the parsers of the rooms that own a name, and the generators below, make branded values.
 * Pure but for randomness; knows neither HTTP nor SQL.
 */
import { randomBytes, randomFillSync, randomUUID } from 'node:crypto'

declare const brand: unique symbol
export type Brand<Value, Name extends string> = Value & { readonly [brand]: Name }

/** A tenant's row, for ever. Never appears on the wire: there a tenant is its slug. */
export type TenantId = Brand<string, 'TenantId'>
export type WorkspaceId = Brand<string, 'WorkspaceId'>
export type ResourceServerId = Brand<string, 'ResourceServerId'>
/** RFC 6749 §2.2: unique within its authorization server only, which here is a workspace. */
export type ClientId = Brand<string, 'ClientId'>
export type CredentialId = Brand<string, 'CredentialId'>
/** RFC 7638 thumbprint of a signing key. */
export type Kid = Brand<string, 'Kid'>
/** One running process. */
export type NodeId = Brand<string, 'NodeId'>
/** The identity of an authorization server, a URL that is stored and compared byte for byte (RFC 8414 §2). */
export type Issuer = Brand<string, 'Issuer'>

export const newTenantId = () => randomUUID() as TenantId
export const newWorkspaceId = () => randomUUID() as WorkspaceId
export const newResourceServerId = () => randomUUID() as ResourceServerId
export const newNodeId = () => randomUUID() as NodeId
export const CREDENTIAL_ID = /^[A-Za-z0-9_-]{16}$/
/** 96 random bits. */
export const newCredentialId = () => randomBytes(12).toString('base64url') as CredentialId

/** Asking for random bytes costs the same for few as for many. Each byte is handed out once. */
const POOL = Buffer.alloc(16 * 256)
let used = POOL.length

/** 22 characters of `[A-Za-z0-9_-]`, 128 random bits: a token's `jti`, a request's id. */
export function newRandomId(): string {
  if (used === POOL.length) {
    randomFillSync(POOL)
    used = 0
  }
  used += 16
  return POOL.toString('base64url', used - 16, used)
}
