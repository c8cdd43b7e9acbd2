/** Workspaces as administration shows and takes them, and the tenant that has them. */
import { z } from 'zod'
import { ALGORITHMS } from '../../oauth/signing.ts'
import type { Workspace } from '../../tenancy/tenant.ts'
import { SECONDS } from '../shapes.ts'

export const WORKSPACE_SETTINGS = {
  access_token_lifetime: SECONDS.meta({ description: 'seconds that an access token lives: 60 to 86400' }),
  jwks_max_age: SECONDS.meta({ description: 'seconds that its documents may be cached: 60 to 86400' }),
  signing_lead: SECONDS.meta({ description: 'seconds that a key is published before it signs' }),
  signing_algorithm: z.enum(ALGORITHMS),
  chosen_secrets: z
    .boolean()
    .meta({ description: 'clients may have one secret that Regent did not generate' }),
  chosen_digests: z
    .boolean()
    .meta({ description: 'a digest of a chosen secret may be stored: off where they are weak' }),
  rehash: z.boolean().meta({
    description: 'a secret whose hash is weaker than those made now is hashed anew when it is used',
  }),
  audience_parameter: z.boolean().meta({ description: 'audience is read where resource is not sent' }),
  self_rotation: z.boolean().meta({ description: 'a client may replace its own secret' }),
  key_rotation: z.string().nullable().meta({
    description: 'when signing keys take turns: cron, five fields, UTC; null: when somebody says so',
  }),
  tokens_per_minute: z.int().min(1).max(1_000_000_000).nullable(),
}

export const WORKSPACE = z.object({
  slug: z.string(),
  issuer: z.string(),
  state: z.enum(['enabled', 'disabled']),
  built_in: z.boolean(),
  ...WORKSPACE_SETTINGS,
})
export const SUMMARY = z.object({ slug: z.string(), issuer: z.string() })
const QUOTA = z.object({ most: z.int().nullable(), count: z.int() })
export const TENANT = z.object({
  slug: z.string(),
  region: z.string(),
  state: z.enum(['live', 'suspended']),
  tokens_per_minute: z.int().nullable(),
  workspaces: QUOTA,
  resource_servers: QUOTA,
  clients: QUOTA,
  scopes: QUOTA,
})

export const PATCH = z
  .strictObject({ state: z.enum(['enabled', 'disabled']), ...WORKSPACE_SETTINGS })
  .partial()

export function showWorkspace(workspace: Workspace): z.input<typeof WORKSPACE> {
  return {
    slug: workspace.slug,
    issuer: workspace.issuer,
    state: workspace.disabled === true ? 'disabled' : 'enabled',
    built_in: workspace.builtIn === true,
    access_token_lifetime: workspace.accessTokenLifetime,
    jwks_max_age: workspace.jwksMaxAge,
    signing_lead: workspace.signingLead,
    signing_algorithm: workspace.signingAlgorithm,
    chosen_secrets: workspace.chosenSecrets,
    chosen_digests: workspace.chosenDigests,
    rehash: workspace.rehash,
    audience_parameter: workspace.audienceParameter,
    self_rotation: workspace.selfRotation,
    key_rotation: workspace.keyRotation ?? null,
    tokens_per_minute: workspace.tokensPerMinute ?? null,
  }
}

/** What was sent, by the names of the code; what was not sent is left out. */
export function workspaceSettingsOf(patch: z.output<typeof PATCH>) {
  const settings = {
    accessTokenLifetime: patch.access_token_lifetime,
    jwksMaxAge: patch.jwks_max_age,
    signingLead: patch.signing_lead,
    signingAlgorithm: patch.signing_algorithm,
    chosenSecrets: patch.chosen_secrets,
    chosenDigests: patch.chosen_digests,
    rehash: patch.rehash,
    audienceParameter: patch.audience_parameter,
    selfRotation: patch.self_rotation,
  }
  const sent = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
  return {
    ...(sent as Partial<Workspace>),
    ...(patch.key_rotation !== undefined && { keyRotation: patch.key_rotation ?? undefined }),
    ...(patch.tokens_per_minute !== undefined && { tokensPerMinute: patch.tokens_per_minute ?? undefined }),
  }
}
