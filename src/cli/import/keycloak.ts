/**
 * A realm of Keycloak becomes a workspace: of its clients those that have a service account, of its client scopes those that they have.
 * Secrets are plain text in Keycloak; its console exports them masked, so that they come from a file of their own. Roles have no
 * counterpart here. Pure.
 */
import { z } from 'zod'
import { ALGORITHMS } from '../../oauth/signing.ts'
import { draft, type Draft, type ImportOptions, type Imported } from './draft.ts'
import type { ForeignClient, ForeignSecret } from './foreign-client.ts'
import { slugOf } from './workspace-name.ts'
import { isMasked } from './secrets-file.ts'

const TEXTS = z.record(z.string(), z.unknown())
const MAPPERS = z.array(z.looseObject({ protocolMapper: z.string(), config: TEXTS.default({}) })).default([])
const CLIENT = z.looseObject({
  clientId: z.string(),
  name: z.string().nullish(),
  enabled: z.boolean().default(true),
  publicClient: z.boolean().default(false),
  bearerOnly: z.boolean().default(false),
  serviceAccountsEnabled: z.boolean().default(false),
  clientAuthenticatorType: z.string().nullish(),
  secret: z.string().nullish(),
  protocol: z.string().nullish(),
  attributes: TEXTS.nullish(),
  protocolMappers: MAPPERS,
  defaultClientScopes: z.array(z.string()).default([]),
  optionalClientScopes: z.array(z.string()).default([]),
})
const ROLES = z.record(z.string(), z.array(z.string()))
/** What is read of a realm; the rest of it is about people. */
export const REALM = z.looseObject({
  realm: z.string(),
  accessTokenLifespan: z.number().nullish(),
  defaultSignatureAlgorithm: z.string().nullish(),
  clients: z.array(CLIENT).default([]),
  clientScopes: z
    .array(
      z.looseObject({
        name: z.string(),
        description: z.string().nullish(),
        attributes: TEXTS.nullish(),
        protocolMappers: MAPPERS,
      }),
    )
    .default([]),
  users: z
    .array(
      z.looseObject({
        serviceAccountClientId: z.string().nullish(),
        realmRoles: z.array(z.string()).default([]),
        clientRoles: ROLES.default({}),
      }),
    )
    .default([]),
})
export type Realm = z.output<typeof REALM>
type RealmClient = Realm['clients'][number]

/** Client scopes that every realm has: they shape claims about people, and are no scope of anything. */
const BUILT_IN = new Set(
  'acr address basic email microprofile-jwt offline_access openid organization phone profile role_list roles saml_organization service_account web-origins'.split(
    ' ',
  ),
)
const METHODS: Readonly<Record<string, string>> = {
  'client-jwt': 'private_key_jwt',
  'client-secret-jwt': 'client_secret_jwt',
  'client-x509': 'tls_client_auth',
}

export function importKeycloak(realms: readonly Realm[], options: ImportOptions): Imported {
  const drawn = draft(options)
  for (const realm of realms) importRealm(drawn, realm, options)
  drawn.note('Users, roles, groups, identity providers and flows of Keycloak are left out: Regent has none.')
  return drawn.finish()
}

function importRealm(drawn: Draft, realm: Realm, options: ImportOptions): void {
  const workspace = drawn.workspace(options.workspace ?? slugOf(realm.realm), settingsOf(realm, drawn))
  for (const { name, description, attributes, protocolMappers } of realm.clientScopes) {
    if (BUILT_IN.has(name)) continue
    workspace.scope({
      token: name,
      description: (description ?? '').slice(0, 1000),
      owner: audiencesOf(protocolMappers).find((audience) => audience.includes(':')),
    })
    if (attributes?.['include.in.token.scope'] === 'false')
      drawn.note(`${name} was in no token's scope, and is in those of clients that have it.`)
  }
  const rolesOf = new Map(
    realm.users.map((user) => [
      user.serviceAccountClientId,
      [...user.realmRoles, ...Object.values(user.clientRoles).flat()].filter(
        (role) => !role.startsWith('default-roles-'),
      ),
    ]),
  )
  for (const client of realm.clients) {
    const why = reasonToLeaveOut(client)
    if (why === undefined) workspace.add(foreignClient(client, rolesOf.get(client.clientId) ?? [], options))
    else drawn.leaveOut(client.clientId, why)
  }
}

function settingsOf({ realm, accessTokenLifespan, defaultSignatureAlgorithm }: Realm, drawn: Draft) {
  const life = accessTokenLifespan ?? 300
  const bounded = Math.min(86_400, Math.max(60, Math.round(life)))
  if (bounded !== life) drawn.note(`${realm}: tokens lived ${life} s, and live ${bounded} s here.`)
  // RS256 where a realm says nothing.
  const algorithm = ALGORITHMS.find((name) => name === (defaultSignatureAlgorithm ?? 'RS256'))
  if (algorithm === undefined)
    drawn.note(`${realm}: tokens were signed with ${defaultSignatureAlgorithm}, and are with ES256 here.`)
  return { access_token_lifetime: bounded, ...(algorithm && { signing_algorithm: algorithm }) }
}

function reasonToLeaveOut(client: RealmClient): string | undefined {
  if (client.protocol === 'saml') return 'it speaks SAML'
  if (client.bearerOnly) return 'it is an API, and asks for no tokens'
  if (client.publicClient) return 'it is a public client, which has no secret and gets no token for itself'
  if (!client.serviceAccountsEnabled) return 'it has no service account: client_credentials is off for it'
  return undefined
}

const ownScopes = (names: readonly string[]) => names.filter((name) => !BUILT_IN.has(name))

function foreignClient(client: RealmClient, roles: readonly string[], options: ImportOptions): ForeignClient {
  const { clientAuthenticatorType: type } = client
  const lifespan = client.attributes?.['access.token.lifespan']
  return {
    id: client.clientId,
    name: client.name ?? undefined,
    disabled: !client.enabled,
    method:
      type === undefined || type === null || type === 'client-secret' ? undefined : (METHODS[type] ?? type),
    scopes: ownScopes(client.defaultClientScopes),
    optionalScopes: ownScopes(client.optionalClientScopes),
    audiences: audiencesOf(client.protocolMappers),
    secret: secretOf(client, options),
    changed: [
      ...(roles.length > 0 ? [`without the roles of its service account: ${roles.join(', ')}`] : []),
      ...(typeof lifespan === 'string' && lifespan !== ''
        ? [`its tokens lived ${lifespan} s, and live as long as others of the workspace here`]
        : []),
    ],
  }
}

function secretOf({ clientId, secret }: RealmClient, { secrets }: ImportOptions): ForeignSecret {
  const text = secrets?.get(clientId) ?? secret ?? ''
  if (text !== '' && !isMasked(text)) return { kind: 'plain', text }
  return {
    kind: 'none',
    why:
      secrets === undefined
        ? 'its own is masked: bring it with --secrets'
        : 'there is none of it in --secrets',
  }
}

function audiencesOf(mappers: Realm['clients'][number]['protocolMappers']): readonly string[] {
  return mappers
    .filter(({ protocolMapper }) => protocolMapper === 'oidc-audience-mapper')
    .flatMap(({ config }) => [config['included.custom.audience'], config['included.client.audience']])
    .filter((audience) => typeof audience === 'string' && audience !== '') as string[]
}

/** @returns whether secrets stand in it that are not masked */
export function holdsSecrets({ clients }: Realm): boolean {
  return clients.some(({ secret }) => typeof secret === 'string' && secret !== '' && !isMasked(secret))
}
