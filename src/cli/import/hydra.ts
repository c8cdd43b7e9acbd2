/**
 * Clients of Ory Hydra become clients of one workspace. Its secrets are hashes of PBKDF2 (the default since 2.0) or of bcrypt, and
 * go on being right. Pure.
 */
import { draft, type ImportOptions, type Imported } from './draft.ts'
import type { ForeignClient, ForeignSecret } from './foreign-client.ts'
import type { HydraRow } from './hydra-rows.ts'

export function importHydra(rows: readonly HydraRow[], options: ImportOptions): Imported {
  const drawn = draft(options)
  const workspace = drawn.workspace(options.workspace ?? 'default')
  const networks = new Set<string>()
  for (const hydra of rows) {
    if (textOf(hydra.row.nid) !== undefined) networks.add(textOf(hydra.row.nid) ?? '')
    workspace.add(foreignClient(hydra, options))
  }
  if (networks.size > 1) {
    drawn.fault({
      fault: `these clients are of ${networks.size} networks, and a client_id may be in each`,
      mend: 'Export one network at a time: where nid = …',
    })
  }
  drawn.note('Tokens are JWTs here. Who asks for no scope gets all that stand as scopes of its client.')
  drawn.note(
    'Redirects, consent, logout and keys of clients are left out: they belong to grants that are not here.',
  )
  return drawn.finish()
}

function foreignClient({ ofTable, row }: HydraRow, { secrets }: ImportOptions): ForeignClient {
  const id = textOf(ofTable ? row.id : row.client_id) ?? ''
  const end = Number(row.client_secret_expires_at ?? 0)
  const lifespan = row.client_credentials_grant_access_token_lifespan
  const given = secrets?.get(id)
  return {
    id,
    name: textOf(row.client_name),
    method: textOf(row.token_endpoint_auth_method),
    grantTypes: listOf(row.grant_types),
    scopes: (textOf(row.scope) ?? '').split(' '),
    audiences: listOf(row.audience) ?? [],
    secret:
      given === undefined ? secretOf(ofTable, textOf(row.client_secret)) : { kind: 'plain', text: given },
    expiresAt: Number.isSafeInteger(end) && end > 0 ? end : undefined,
    changed: [
      ...(lifespan === null || lifespan === undefined
        ? []
        : ['its tokens had a life of their own: the workspace says here how long they live']),
      ...((textOf(row.scope) ?? '').includes('*')
        ? ['a * in its scopes is a character like others here']
        : []),
    ],
  }
}

function secretOf(ofTable: boolean, text: string | undefined): ForeignSecret {
  if (text !== undefined) return { kind: ofTable ? 'hash' : 'plain', text }
  const why = ofTable ? 'it had none' : 'a list of clients has no hashes: export the table hydra_client'
  return { kind: 'none', why }
}

/** @returns undefined for what is no text, or empty */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Lists are JSON in the table, text with bars before 2.0, and lists in the API's answers. */
function listOf(value: unknown): readonly string[] | undefined {
  if (Array.isArray(value)) return value.filter((item) => typeof item === 'string')
  if (typeof value !== 'string') return undefined
  if (!value.trimStart().startsWith('[')) return value.split('|').filter((item) => item !== '')
  try {
    return listOf(JSON.parse(value))
  } catch {
    return undefined
  }
}
