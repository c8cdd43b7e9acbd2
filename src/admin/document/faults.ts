/**
 * What is wrong with the parts of a document, beyond their shapes, and can be told without knowing the tenant. The same for the
 * command line, which names lines and columns, and for the server. Pure.
 */
import { FOREIGN_SCOPES } from '../../changes/create-resource-server.ts'
import { isKeepable } from '../../changes/input.ts'
import { isNetwork } from '../../clients/networks.ts'
import { scheduleFault } from '../../keys/rotation-schedule.ts'
import { isResourceIdentifier } from '../../oauth/resource.ts'
import { isScopeToken } from '../../oauth/scope.ts'
import { ADMIN_WORKSPACE } from '../../tenancy/administration.ts'
import type { ClientEntry, CredentialEntry, ResourceServerEntry, WorkspaceEntry } from './document.ts'
import { readHash } from '../../clients/hash-forms.ts'

export type DocumentPath = readonly (string | number)[]
export type DocumentFault = { readonly path: DocumentPath; readonly detail: string }
/** Of a part: paths begin at it. */
type Faults = readonly DocumentFault[]

const when = (wrong: boolean, path: DocumentPath, detail: string): Faults => (wrong ? [{ path, detail }] : [])

export function workspaceFaults(entry: WorkspaceEntry): Faults {
  const schedule = scheduleFault(entry.key_rotation ?? undefined)
  return [
    ...when(
      entry.slug === ADMIN_WORKSPACE,
      ['slug'],
      'the built-in workspace stays as it is: it cannot stand in a file',
    ),
    // A verifier may have fetched just before a key was published, and fetch just after the age has passed.
    ...when(
      entry.signing_lead < 2 * entry.jwks_max_age,
      ['signing_lead'],
      `must be twice jwks_max_age or more, which is ${2 * entry.jwks_max_age}`,
    ),
    ...when(schedule !== undefined, ['key_rotation'], schedule ?? ''),
  ]
}

export function resourceServerFaults(entry: ResourceServerEntry): Faults {
  return [
    ...when(
      !isResourceIdentifier(entry.identifier),
      ['identifier'],
      'must be an absolute URI without a fragment',
    ),
    ...textFaults(entry.name, ['name']),
    ...entry.scopes.flatMap(({ token, description }, index) => [
      ...when(
        !isScopeToken(token) || FOREIGN_SCOPES.has(token),
        ['scopes', index, 'token'],
        'must be printable ASCII without space, quote and backslash, and neither openid nor offline_access',
      ),
      ...textFaults(description, ['scopes', index, 'description']),
    ]),
  ]
}

export function clientFaults(entry: ClientEntry, { chosen_secrets: chosen }: WorkspaceEntry): Faults {
  const tokens = new Set<string>()
  const scopeFaults = (['scopes', 'optional_scopes'] as const).flatMap((field) =>
    entry[field].flatMap((token, index) => {
      const twice = tokens.has(token)
      tokens.add(token)
      return when(twice, [field, index], `${token} stands here twice`)
    }),
  )
  return [
    ...textFaults(entry.name, ['name']),
    ...entry.allowed_networks.flatMap((network, index) =>
      when(
        !isNetwork(network),
        ['allowed_networks', index],
        'must be an address or a subnet, as 192.0.2.0/24 or 2001:db8::/32',
      ),
    ),
    ...scopeFaults,
    ...credentialFaults(entry.credentials ?? [], chosen),
  ]
}

function credentialFaults(entries: readonly CredentialEntry[], chosenAllowed: boolean): Faults {
  const ids = new Set<string>()
  let chosen = 0
  return entries.flatMap((entry, index) => {
    const { id, hash, label, not_before: from, expires_at: until } = entry
    const at = (field: string): DocumentPath => ['credentials', index, field]
    const twice = id !== undefined && ids.has(id)
    if (id !== undefined) ids.add(id)
    const ofHash = hash !== undefined && (entry.origin ?? 'chosen') === 'chosen'
    if (ofHash) chosen += 1
    return [
      ...when(
        id === undefined && hash === undefined,
        ['credentials', index],
        'must have an id, or a hash: what secret is it?',
      ),
      ...when(twice, at('id'), `${id} stands here twice`),
      ...when(hash === undefined && entry.origin !== undefined, at('origin'), 'is only known of a hash'),
      ...when(hash === undefined && from !== undefined, at('not_before'), 'can only be set with a hash'),
      ...when(
        from !== undefined && typeof until === 'string' && Date.parse(until) <= Date.parse(from),
        at('expires_at'),
        'must be later than not_before',
      ),
      ...(label === undefined ? [] : textFaults(label, at('label'))),
      ...(hash === undefined ? [] : hashFaults(hash, at('hash'))),
      ...when(
        ofHash && !chosenAllowed,
        at('hash'),
        'its workspace takes only secrets that Regent generates: set chosen_secrets there',
      ),
      ...when(
        ofHash && chosen > 1,
        at('hash'),
        'a client has at most one secret that Regent did not generate',
      ),
    ]
  })
}

/** Says nothing of what stands in it. */
function hashFaults(hash: string, path: DocumentPath): Faults {
  const read = readHash(hash)
  if (read.outcome === 'usable') return []
  return when(true, path, read.outcome === 'refused' ? read.message : 'is no hash that Regent knows')
}

function textFaults(text: string, path: DocumentPath): Faults {
  return when(!isKeepable(text), path, 'must be text without the zero character')
}
