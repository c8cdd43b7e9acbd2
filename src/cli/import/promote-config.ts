/**
 * What a `promote/config` endpoint exports: a tenant with its workspaces (`servers`), or one workspace. Each has `clients` by their ids,
 * `services`, which are the APIs and own scopes, and scopes of none. Secrets are there where they were asked for, in plain text
 * (`client_secret`) or hashed in a way that the export does not tell (`hashed_secret`). Pure.
 */
import { z } from 'zod'
import type { Algorithm } from '../../oauth/signing.ts'
import { isResourceIdentifier } from '../../oauth/resource.ts'
import { draft, type Draft, type DraftWorkspace, type ImportOptions, type Imported } from './draft.ts'
import type { ForeignClient, ForeignSecret } from './foreign-client.ts'
import { slugOf } from './workspace-name.ts'

const LIST = z.array(z.string()).nullish()
const SCOPES = z.record(z.string(), z.looseObject({ description: z.string().nullish() })).nullish()
const CLIENT = z.looseObject({
  client_name: z.string().nullish(),
  client_status: z.string().nullish(),
  client_type: z.string().nullish(),
  client_secret: z.string().nullish(),
  client_secret_expires_at: z.number().nullish(),
  hashed_secret: z.string().nullish(),
  rotated_secrets: LIST,
  hashed_rotated_secrets: LIST,
  grant_types: LIST,
  scopes: LIST,
  audience: LIST,
  token_endpoint_auth_method: z.string().nullish(),
  use_custom_token_ttls: z.boolean().nullish(),
  system: z.boolean().nullish(),
})
const SERVER = z.looseObject({
  name: z.string().nullish(),
  type: z.string().nullish(),
  access_token_ttl: z.string().nullish(),
  key_type: z.string().nullish(),
  clients: z.record(z.string(), CLIENT).nullish(),
  services: z
    .record(
      z.string(),
      z.looseObject({
        name: z.string().nullish(),
        custom_audience: z.string().nullish(),
        system: z.boolean().nullish(),
        type: z.string().nullish(),
        scopes: SCOPES,
      }),
    )
    .nullish(),
  scopes_without_service: SCOPES,
})
/** A tenant, or a workspace by itself. */
export const CONFIG = z.looseObject({
  name: z.string().nullish(),
  servers: z.record(z.string(), SERVER).nullish(),
})
export type Config = z.output<typeof CONFIG>
type Server = z.output<typeof SERVER>
type ServerClient = z.output<typeof CLIENT>

const ALGORITHM_OF: Readonly<Record<string, Algorithm>> = { rsa: 'RS256', ecdsa: 'ES256', ps: 'PS256' }
/** Workspaces that run the product itself. */
const OF_THE_PRODUCT = new Set(['admin', 'developer', 'system'])

/** @throws ZodError for a workspace that is of another shape than it looks */
export function serversOf(config: Config, workspace = 'default'): readonly (readonly [string, Server])[] {
  return config.servers ? Object.entries(config.servers) : [[workspace, SERVER.parse(config)]]
}

export function importPromoteConfig(config: Config, options: ImportOptions): Imported {
  const drawn = draft(options)
  const [own, others] = [[], []] as [(readonly [string, Server])[], (readonly [string, Server])[]]
  for (const one of serversOf(config, options.workspace))
    (OF_THE_PRODUCT.has(one[1].type ?? '') ? others : own).push(one)
  for (const [id, { type }] of others)
    drawn.note(`The workspace ${id} is left out: it is one of the product itself (${type}).`)
  for (const [id, server] of own)
    importServer(drawn, own.length === 1 ? (options.workspace ?? id) : id, server, options)
  drawn.note(
    'People, identity providers, policies, scripts, consent and themes are left out: Regent has none.',
  )
  return drawn.finish()
}

function importServer(drawn: Draft, id: string, server: Server, options: ImportOptions): void {
  const slug = slugOf(id)
  if (slug !== id) drawn.note(`The workspace ${id} is called ${slug} here.`)
  const life = secondsOf(server.access_token_ttl ?? '')
  const bounded = Math.min(86_400, Math.max(60, life ?? 3600))
  if (life !== undefined && bounded !== life)
    drawn.note(`${slug}: tokens lived ${life} s, and live ${bounded} s here.`)
  const algorithm = ALGORITHM_OF[server.key_type ?? '']
  const workspace = drawn.workspace(slug, {
    access_token_lifetime: bounded,
    ...(algorithm && { signing_algorithm: algorithm }),
  })
  importScopes(drawn, workspace, slug, server, options)
  for (const [clientId, client] of Object.entries(server.clients ?? {})) {
    if (client.system === true) drawn.leaveOut(clientId, 'it is one of the product itself')
    else if (client.client_type === 'saml') drawn.leaveOut(clientId, 'it speaks SAML')
    else workspace.add(foreignClient(clientId, client))
  }
}

function importScopes(
  drawn: Draft,
  workspace: DraftWorkspace,
  slug: string,
  server: Server,
  options: ImportOptions,
) {
  const take = (scopes: z.output<typeof SCOPES>, owner: string) => {
    for (const [token, { description }] of Object.entries(scopes ?? {}))
      workspace.scope({ token, owner, description: (description ?? '').slice(0, 1000) })
  }
  for (const [id, service] of Object.entries(server.services ?? {})) {
    if (service.system === true || service.type === 'oidc') continue
    const audience = service.custom_audience ?? ''
    const made = `urn:${options.tenant}:${slug}:${id.replaceAll(/[^A-Za-z0-9._-]/g, '-')}`
    const owner = isResourceIdentifier(audience) ? audience : made
    if (owner === made)
      drawn.note(
        `The API ${service.name ?? id} had no audience of its own that is a URL: it is ${made} here.`,
      )
    workspace.resourceServer(owner, service.name ?? id)
    take(service.scopes, owner)
  }
  take(server.scopes_without_service, options.audience ?? `urn:${options.tenant}:${slug}`)
}

function foreignClient(id: string, client: ServerClient): ForeignClient {
  const old = (client.rotated_secrets ?? []).length + (client.hashed_rotated_secrets ?? []).length
  const end = client.client_secret_expires_at ?? 0
  return {
    id,
    name: client.client_name ?? undefined,
    disabled: client.client_status === 'inactive',
    method:
      client.token_endpoint_auth_method === 'unspecified'
        ? undefined
        : (client.token_endpoint_auth_method ?? undefined),
    grantTypes: client.grant_types ?? undefined,
    scopes: client.scopes ?? [],
    audiences: client.audience ?? [],
    secret: secretOf(client),
    expiresAt: end > 0 ? end : undefined,
    changed: [
      ...(old > 0
        ? [`without ${old} earlier secrets: one that comes from elsewhere is all that a client has`]
        : []),
      ...(client.use_custom_token_ttls === true
        ? ['its tokens had a life of their own: the workspace says here how long they live']
        : []),
    ],
  }
}

function secretOf({ client_secret: plain, hashed_secret: hash }: ServerClient): ForeignSecret {
  if (plain) return { kind: 'plain', text: plain }
  if (hash) return { kind: 'hash', text: hash }
  return { kind: 'none', why: 'there is none in the export: ask for it with credentials' }
}

/** @returns whether secrets stand in it in plain text */
export function holdsSecrets(config: Config): boolean {
  return serversOf(config).some(([, { clients }]) =>
    Object.values(clients ?? {}).some(({ client_secret: secret }) => Boolean(secret)),
  )
}

/** Durations as Go prints them, `1h10m30s`. @returns undefined for another form */
function secondsOf(text: string): number | undefined {
  const [whole, hours, minutes, seconds] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)(?:\.\d+)?s)?$/.exec(text) ?? []
  if (!whole) return undefined
  return Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0)
}
