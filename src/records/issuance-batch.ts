/**
 * Some rows of the issuance log, column by column, in arrays that are made once and used again. Each column becomes one text
 * in the form of PostgreSQL's arrays: a batch is one statement with as many parameters as there are columns.
 */
import type { ClientId, CredentialId, TenantId, WorkspaceId } from '../ids.ts'
import type { Workspace } from '../tenancy/tenant.ts'

/** Who got what: ids and what stands in the token, no names. */
export type IssuedToken = {
  readonly workspace: Workspace
  readonly clientId: ClientId
  readonly credentialId: CredentialId
  /** As it is printed in the token. */
  readonly scope: string
  /** Identifiers of resource servers: URIs, which have no spaces. */
  readonly resources: readonly string[]
  readonly tokenId: string
  readonly peer: string
  readonly requestId: string
}

export type IssuanceColumns = Readonly<
  Record<
    | 'tenantId'
    | 'workspaceId'
    | 'issuedAt'
    | 'tokenId'
    | 'clientId'
    | 'credentialId'
    | 'scope'
    | 'audience'
    | 'peer'
    | 'requestId',
    string
  >
>

/** What the log lacks of a workspace. */
export type Dropped = {
  readonly tenantId: TenantId
  readonly workspaceId: WorkspaceId
  /** No token's. */
  readonly id: string
  /** When the first one was dropped: milliseconds since 1970. */
  readonly at: number
  /** How many were. */
  events: number
}

export type IssuanceBatch = ReturnType<typeof issuanceBatch>

export function issuanceBatch(capacity: number) {
  const tenantIds = Array.from<TenantId>({ length: capacity })
  const workspaceIds = Array.from<WorkspaceId>({ length: capacity })
  const times = Array.from<number>({ length: capacity })
  const tokenIds = Array.from<string>({ length: capacity })
  const clientIds = Array.from<string>({ length: capacity })
  const credentialIds = Array.from<string>({ length: capacity })
  const scopes = Array.from<string>({ length: capacity })
  const audiences = Array.from<string>({ length: capacity })
  const peers = Array.from<string>({ length: capacity })
  const requestIds = Array.from<string>({ length: capacity })
  let length = 0

  const column = (values: readonly unknown[]) =>
    printArray(length === capacity ? values : values.slice(0, length))

  return {
    length: () => length,
    isFull: () => length === capacity,

    /** @param at milliseconds since 1970. A full batch takes no more. */
    add(token: IssuedToken, at: number): void {
      const { workspace, resources } = token
      tenantIds[length] = workspace.tenant.id
      workspaceIds[length] = workspace.id
      times[length] = at
      tokenIds[length] = token.tokenId
      clientIds[length] = token.clientId
      credentialIds[length] = token.credentialId
      scopes[length] = token.scope
      audiences[length] = resources.length === 1 ? (resources[0] ?? '') : resources.join(' ')
      peers[length] = token.peer
      requestIds[length] = token.requestId
      length += 1
    },

    columns: (): IssuanceColumns => ({
      tenantId: column(tenantIds),
      workspaceId: column(workspaceIds),
      issuedAt: column(times),
      tokenId: column(tokenIds),
      clientId: column(clientIds),
      credentialId: column(credentialIds),
      scope: column(scopes),
      audience: column(audiences),
      peer: column(peers),
      requestId: column(requestIds),
    }),

    /** Whose each row is. */
    *owners(): Iterable<{ readonly tenantId: TenantId; readonly workspaceId: WorkspaceId }> {
      for (let index = 0; index < length; index++) {
        const [tenantId, workspaceId] = [tenantIds[index], workspaceIds[index]]
        if (tenantId !== undefined && workspaceId !== undefined) yield { tenantId, workspaceId }
      }
    },

    clear(): void {
      length = 0
    },
  }
}

/**
 * JSON's strings are those of PostgreSQL's arrays (§8.15.6 of its manual) as far as they have no control characters; of
 * those, which no value here may have, only letters are left. No value can end its element, so none moves to another row.
 */
export function printArray(values: readonly unknown[]): string {
  return `{${JSON.stringify(values).slice(1, -1)}}`
}
