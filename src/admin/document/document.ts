/**
 * A tenant as a document: its workspaces with their settings, resource servers and clients, as a file in Git has them. What is
 * left out has its default, so that a file says the whole of what it names. It never holds a secret: credentials stand in it by
 * their ids, or as hashes. The shapes here are also the published JSON Schema (docs/schema/tenant.schema.json).
 */
import { z } from 'zod'
import { WORKSPACE_DEFAULTS } from '../../changes/create-workspace.ts'
import { CLIENT_ID, SECRET_METHODS } from '../../clients/client.ts'
import { CREDENTIAL_ID } from '../../ids.ts'
import { ALGORITHMS, JWT_TYPES } from '../../oauth/signing.ts'
import { REGIONS } from '../../tenancy/region.ts'
import { SLUG } from '../../tenancy/slug.ts'
import { MOMENT } from '../shapes.ts'

/** A file with a higher number was made by a newer Regent. */
export const FORMAT = 1

const NAME = z.string().min(1).max(200)
const LIMIT = z.int().min(1).max(1_000_000_000).nullable().default(null)
const STATE = z.enum(['enabled', 'disabled']).default('enabled')
const SCOPE_TOKEN = z.string().min(1).max(200)
const DEFAULTS = WORKSPACE_DEFAULTS

const seconds = (least: number, most: number, usual: number, description: string) =>
  z.int().min(least).max(most).default(usual).meta({ description })
const yesNo = (usual: boolean, description: string) => z.boolean().default(usual).meta({ description })

/** By reference: `id`, of one that is there. Or as a hash, which makes it where it is not there. */
export const CREDENTIAL_ENTRY = z.strictObject({
  id: z
    .string()
    .regex(CREDENTIAL_ID, 'must be the id of a credential: 16 of A-Z, a-z, 0-9, - and _')
    .optional()
    .meta({ description: 'of a hash it may be left out: it is then derived from client and hash' }),
  label: z.string().max(200).optional(),
  not_before: MOMENT.optional(),
  expires_at: MOMENT.nullable().optional().meta({ description: 'null: it has no end; left out: as it is' }),
  hash: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .meta({ description: 'of the secret; applying one needs the scope credentials:import' }),
  origin: z
    .enum(['generated', 'chosen'])
    .optional()
    .meta({ description: 'of a hash: who made the secret, Regent or somebody else (the default)' }),
})

export const CLIENT_ENTRY = z.strictObject({
  id: z
    .string()
    .regex(CLIENT_ID, 'must be 1 to 128 of A-Z, a-z, 0-9 and - . _ ~')
    .meta({ description: 'its client_id' }),
  name: NAME,
  state: STATE,
  token_endpoint_auth_method: z.enum(SECRET_METHODS).default('client_secret_basic'),
  strict_auth_method: yesNo(false, 'only that method; otherwise both ways of sending a secret'),
  grant_types: z.array(NAME).max(50).default(['client_credentials']),
  default_resource_server: z
    .string()
    .max(512)
    .nullable()
    .default(null)
    .meta({ description: 'identifier of what a token is for when neither resource nor scope is asked for' }),
  several_resources: yesNo(false, 'one token may be for several resource servers'),
  allowed_networks: z
    .array(z.string().max(50))
    .max(50)
    .default([])
    .meta({ description: 'addresses and subnets that it may ask from; none: anywhere' }),
  tokens_per_minute: LIMIT,
  scopes: z
    .array(SCOPE_TOKEN)
    .max(1000)
    .default([])
    .meta({ description: 'what it may ask for, and gets when it asks for none' }),
  optional_scopes: z
    .array(SCOPE_TOKEN)
    .max(1000)
    .default([])
    .meta({ description: 'what it may ask for, and gets only then' }),
  credentials: z
    .array(CREDENTIAL_ENTRY)
    .max(5)
    .optional()
    .meta({ description: 'left out: they are not looked at' }),
})

export const RESOURCE_SERVER_ENTRY = z.strictObject({
  identifier: z.string().min(1).max(512).meta({ description: 'the audience of its tokens' }),
  name: NAME,
  signing_algorithm: z
    .enum(ALGORITHMS)
    .nullable()
    .default(null)
    .meta({ description: 'null: as its workspace does' }),
  jwt_type: z.enum(JWT_TYPES).default('at+jwt').meta({ description: 'JWT for verifiers that refuse at+jwt' }),
  scopes: z
    .array(z.strictObject({ token: SCOPE_TOKEN, description: z.string().max(1000).default('') }))
    .default([])
    .meta({ description: 'the scope tokens that it owns' }),
})

/** Of a workspace, but for what is in it. */
export const WORKSPACE_ENTRY = z.strictObject({
  slug: z.string().regex(SLUG, 'must be 1 to 63 of a-z, 0-9 and inner hyphens'),
  state: STATE,
  access_token_lifetime: seconds(60, 86_400, DEFAULTS.accessTokenLifetime, 'seconds that a token lives'),
  jwks_max_age: seconds(60, 86_400, DEFAULTS.jwksMaxAge, 'seconds that its documents may be cached'),
  signing_lead: seconds(
    120,
    2_592_000,
    DEFAULTS.signingLead,
    'seconds that a key is published before it signs',
  ),
  signing_algorithm: z.enum(ALGORITHMS).default(DEFAULTS.signingAlgorithm),
  chosen_secrets: yesNo(
    DEFAULTS.chosenSecrets,
    'clients may have one secret that Regent did not generate, imported ones among them',
  ),
  chosen_digests: yesNo(
    DEFAULTS.chosenDigests,
    'a digest of a chosen secret may be stored: off where they are weak',
  ),
  rehash: yesNo(
    DEFAULTS.rehash,
    'a secret whose hash is weaker than those made now is hashed anew when it is used',
  ),
  audience_parameter: yesNo(DEFAULTS.audienceParameter, 'audience is read where resource is not sent'),
  self_rotation: yesNo(DEFAULTS.selfRotation, 'a client may replace its own secret'),
  key_rotation: z.string().min(1).max(100).nullable().default(null).meta({
    description: 'when signing keys take turns: cron, five fields, UTC; null: when somebody says so',
  }),
  tokens_per_minute: LIMIT,
})

/** Of a document, but for what is in it. */
export const HEADER = z.strictObject({
  regent: z.literal(FORMAT).meta({ description: 'format of this file' }),
  tenant: z.string().min(1).max(63),
  region: z.enum(REGIONS).default('none').meta({ description: 'none: the region without a name' }),
})

export const DOCUMENT = HEADER.extend({
  workspaces: z
    .array(
      WORKSPACE_ENTRY.extend({
        resource_servers: z.array(RESOURCE_SERVER_ENTRY).default([]),
        clients: z.array(CLIENT_ENTRY).default([]),
      }),
    )
    .default([]),
})

/** As a file may have it: defaults left out. */
export type DocumentInput = z.input<typeof DOCUMENT>
/** With its defaults. */
export type TenantDocument = z.output<typeof DOCUMENT>
export type WorkspaceEntry = z.output<typeof WORKSPACE_ENTRY>
export type ResourceServerEntry = z.output<typeof RESOURCE_SERVER_ENTRY>
export type ClientEntry = z.output<typeof CLIENT_ENTRY>
export type CredentialEntry = z.output<typeof CREDENTIAL_ENTRY>

/** The JSON Schema (2020-12) of a file, for editors and other programs. */
export function documentSchema(): object {
  const { $schema, ...schema } = z.toJSONSchema(DOCUMENT, { io: 'input', unrepresentable: 'any' })
  return { $schema, title: 'A tenant of Regent', ...schema }
}
