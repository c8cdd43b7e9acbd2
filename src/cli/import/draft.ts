/**
 * A tenant document in the making, with the report beside it: importers say what they found, client by client, and what becomes of it
 * is decided here, for all of them alike. Pure: secrets that have to be hashed are handed on (`hash-secrets.ts`).
 */
import type { DocumentInput } from '../../admin/document/document.ts'
import { isResourceIdentifier } from '../../oauth/resource.ts'
import { isScopeToken } from '../../oauth/scope.ts'
import type { Region } from '../../tenancy/region.ts'
import { idFault, methodOf, reasonToLeaveOut, takeSecret, type ForeignClient } from './foreign-client.ts'
import type { ImportFault, ImportReport, MadeClient } from './report.ts'
import { dropped, ownerFault, readScopes } from './scopes.ts'

export type ImportOptions = {
  readonly tenant: string
  readonly region: Region
  /** Which one clients come to, where their export does not say. */
  readonly workspace?: string | undefined
  /** Identifier of the resource server that has the scopes of which the export does not say whose they are. */
  readonly audience?: string | undefined
  /** Of single scopes. */
  readonly owners?: ReadonlyMap<string, string>
  /** Plain text secrets by client id, which come separately. */
  readonly secrets?: ReadonlyMap<string, string> | undefined
  /** What their secrets are labelled. */
  readonly label: string
  /** Clients that have a fault are left out; otherwise nothing is imported. */
  readonly leaveOutFaulty?: boolean
}

export type Imported = {
  readonly document: DocumentInput
  readonly report: ImportReport
  readonly toHash: readonly SecretToHash[]
}

export type SecretToHash = {
  readonly workspace: string
  readonly client: string
  readonly secret: string
  /** As its document has it. */
  readonly credential: Readonly<Record<string, string>>
}

type WorkspaceInput = NonNullable<DocumentInput['workspaces']>[number]
type ClientInput = NonNullable<WorkspaceInput['clients']>[number]
export type WorkspaceSettings = Omit<WorkspaceInput, 'slug' | 'clients' | 'resource_servers'>
export type KnownScope = {
  readonly token: string
  readonly owner?: string | undefined
  readonly description?: string
}

export type Draft = ReturnType<typeof draft>
export type DraftWorkspace = ReturnType<Draft['workspace']>

export function draft(options: ImportOptions) {
  const made: MadeClient[] = []
  const leftOut: { client: string; why: string }[] = []
  const faults: ImportFault[] = []
  const notes = new Set<string>()
  const toHash: SecretToHash[] = []
  const workspaces: { readonly finish: () => WorkspaceInput }[] = []

  const faulty = (fault: ImportFault & { readonly client: string }) => {
    if (options.leaveOutFaulty === true) leftOut.push({ client: fault.client, why: fault.fault })
    else faults.push(fault)
  }

  return {
    note: (text: string) => void notes.add(text),
    fault: (fault: ImportFault) => void faults.push(fault),
    leaveOut: (client: string, why: string) => void leftOut.push({ client, why }),

    workspace(slug: string, settings: WorkspaceSettings = {}) {
      const clients: { entry: ClientInput; audiences: readonly string[]; told: string[] }[] = []
      const ids = new Set<string>()
      const scopes = new Map<string, KnownScope>()
      const names = new Map<string, string>()

      const add = (client: ForeignClient): void => {
        const { id } = client
        const why = reasonToLeaveOut(client)
        if (why !== undefined) return void leftOut.push({ client: id, why })
        const wrong = idFault(client)
        if (wrong !== undefined) return faulty({ ...wrong, client: id })
        if (ids.has(id)) {
          const mend = 'Give the one of its network or page only'
          return faulty({ client: id, fault: 'it is in what was given twice', mend })
        }
        const secret = takeSecret(client)
        if ('fault' in secret) return faulty({ ...secret, client: id })
        ids.add(id)
        const { method, changed } = methodOf(client)
        const [usual, onRequest] = [readScopes(client.scopes), readScopes(client.optionalScopes ?? [])]
        const optional = onRequest.taken.filter((token) => !usual.taken.includes(token))
        for (const token of [...usual.taken, ...optional])
          if (!scopes.has(token)) scopes.set(token, { token })
        const entry: ClientInput = {
          id,
          name: nameOf(client),
          token_endpoint_auth_method: method,
          ...(client.disabled === true && { state: 'disabled' }),
          scopes: [...usual.taken],
          ...(optional.length > 0 && { optional_scopes: optional }),
        }
        const { expiresAt: end } = client
        const expires = end === undefined ? {} : { expires_at: new Date(end * 1000).toISOString() }
        const credential = { label: options.label, ...expires }
        if (secret.hash !== undefined) entry.credentials = [{ hash: secret.hash, ...credential }]
        if (secret.plain !== undefined)
          toHash.push({ workspace: slug, client: id, secret: secret.plain, credential })
        const told = [
          ...changed,
          ...(client.changed ?? []),
          ...dropped([...usual.dropped, ...onRequest.dropped]),
          ...(usual.taken.length + optional.length === 0
            ? ['it has no scope: it gets no token until it is granted one']
            : []),
        ]
        clients.push({ entry, audiences: client.audiences ?? [], told })
        made.push({
          workspace: slug,
          client: id,
          secret: secret.says,
          hasSecret: secret.hash !== undefined || secret.plain !== undefined,
          changed: told,
        })
      }

      const finish = (): WorkspaceInput => {
        const audiences = new Set(clients.flatMap(({ audiences: of }) => of.filter(isResourceIdentifier)))
        const usual = options.audience ?? (audiences.size === 1 ? [...audiences][0] : undefined)
        const ownerOf = ({ token, owner }: KnownScope) => options.owners?.get(token) ?? owner ?? usual
        const servers = new Map<string, KnownScope[]>()
        for (const scope of scopes.values()) {
          const owner = ownerOf(scope)
          if (owner === undefined || !isResourceIdentifier(owner)) {
            faults.push(ownerFault(scope.token, owner, [...audiences]))
          } else servers.set(owner, [...(servers.get(owner) ?? []), scope])
        }
        return {
          slug,
          ...settings,
          // Whatever comes from elsewhere was not generated here.
          chosen_secrets: true,
          resource_servers: [...servers].map(([identifier, owned]) => ({
            identifier,
            name: names.get(identifier) ?? identifier.slice(0, 200),
            scopes: owned.map(({ token, description = '' }) => ({ token, description })),
          })),
          clients: clients.map(({ entry, audiences: own, told }) => {
            const tokens = [...(entry.scopes ?? []), ...(entry.optional_scopes ?? [])]
            const owners = new Set(tokens.flatMap((token) => ownerOf(scopes.get(token) ?? { token }) ?? []))
            const [wanted] = own.filter((audience) => owners.has(audience))
            if (owners.size < 2) return entry
            if (wanted !== undefined) return { ...entry, default_resource_server: wanted }
            told.push('its scopes are of several APIs: it has to ask for a scope, or for one of them')
            return entry
          }),
        }
      }

      workspaces.push({ finish })
      return {
        add,
        /** @param owner a resource server's identifier, where the export says so */
        scope: (scope: KnownScope) => void (isScopeToken(scope.token) && scopes.set(scope.token, scope)),
        resourceServer: (identifier: string, name: string) => void names.set(identifier, name.slice(0, 200)),
      }
    },

    finish(): Imported {
      const { tenant, region } = options
      const finished = workspaces.map(({ finish }) => finish())
      const known = new Set([...made, ...leftOut, ...faults].map(({ client }) => client))
      const strangers = [...(options.secrets?.keys() ?? [])].filter((id) => !known.has(id))
      if (strangers.length > 0)
        notes.add(`--secrets has some of clients that are not here: ${strangers.join(', ')}.`)
      return {
        document: { regent: 1, tenant, region, workspaces: finished },
        report: { made, leftOut, faults, notes: [...notes] },
        toHash,
      }
    },
  }
}

function nameOf({ id, name }: ForeignClient): string {
  const text = (name ?? '').replaceAll('\0', '').trim().slice(0, 200)
  return text === '' ? id : text
}
