/** Commands of workspaces, and of their signing keys. */
import { ALGORITHMS } from '../../oauth/signing.ts'
import type { ApiCommand, Argument, Field } from './api-command.ts'

const WORKSPACE: Argument = { name: 'workspace', into: 'path', says: 'its name' }
const SETTINGS: readonly Field[] = [
  { name: 'access_token_lifetime', kind: 'number', says: 'seconds that a token lives: 60 to 86400' },
  { name: 'jwks_max_age', kind: 'number', says: 'seconds that its documents may be cached: 60 to 86400' },
  { name: 'signing_lead', kind: 'number', says: 'seconds that a key is published before it signs' },
  {
    name: 'signing_algorithm',
    kind: ALGORITHMS,
    says: 'how tokens are signed where the resource server does not say',
  },
  {
    name: 'chosen_secrets',
    kind: 'switch',
    says: 'clients may have one secret that Regent did not generate',
  },
  { name: 'chosen_digests', kind: 'switch', says: 'a digest of a chosen secret may be stored' },
  { name: 'audience_parameter', kind: 'switch', says: 'audience is read where resource is not sent' },
  {
    name: 'rehash',
    kind: 'switch',
    says: 'a secret whose hash is weaker than those made now is hashed anew when it is used',
  },
  { name: 'self_rotation', kind: 'switch', says: 'a client may replace its own secret' },
  { name: 'key_rotation', nullable: true, says: 'when keys take turns: cron, five fields, UTC' },
  { name: 'tokens_per_minute', kind: 'number', nullable: true, says: 'how many tokens a minute, at most' },
]

const setState = (verb: 'enable' | 'disable', says: string, more: Partial<ApiCommand> = {}): ApiCommand => ({
  name: `workspace ${verb}`,
  route: 'workspace.update',
  api: 'tenant',
  method: 'PATCH',
  path: '/workspaces/{workspace}',
  says,
  arguments: [WORKSPACE],
  sends: { state: `${verb}d` },
  examples: [`workspace ${verb} shop`],
  ...more,
})

export const WORKSPACE_COMMANDS: readonly ApiCommand[] = [
  {
    name: 'workspace create',
    route: 'workspace.create',
    api: 'tenant',
    method: 'POST',
    path: '/workspaces',
    says: 'make a workspace: its issuer, for ever, and its first keys',
    arguments: [{ name: 'slug', into: 'body', shown: 'workspace', says: 'its name in paths, for ever' }],
    body: SETTINGS,
    examples: [
      'workspace create shop',
      'workspace create shop --access-token-lifetime 300 --signing-algorithm RS256',
    ],
  },
  {
    name: 'workspace list',
    route: 'workspace.list',
    api: 'tenant',
    method: 'GET',
    path: '/workspaces',
    says: 'the workspaces of your tenant',
    query: [{ name: 'state', kind: ['enabled', 'disabled'], says: 'only these' }],
    list: { columns: ['slug', 'issuer'] },
    examples: ['workspace list'],
  },
  {
    name: 'workspace show',
    route: 'workspace.show',
    api: 'tenant',
    method: 'GET',
    path: '/workspaces/{workspace}',
    says: 'a workspace with its settings',
    arguments: [WORKSPACE],
    examples: ['workspace show shop'],
  },
  {
    name: 'workspace update',
    route: 'workspace.update',
    api: 'tenant',
    method: 'PATCH',
    path: '/workspaces/{workspace}',
    says: 'change what is named of its settings',
    arguments: [WORKSPACE],
    body: SETTINGS,
    examples: [
      'workspace update shop --self-rotation on',
      "workspace update shop --key-rotation '0 3 1 * *'",
    ],
  },
  setState('enable', 'a disabled workspace goes on'),
  setState('disable', 'no client of it gets a token any more; its documents stay', {
    asks: ({ workspace }) => `Disable ${workspace}? None of its clients gets a token until it is enabled.`,
  }),
  {
    name: 'workspace delete',
    route: 'workspace.delete',
    api: 'tenant',
    method: 'DELETE',
    path: '/workspaces/{workspace}',
    says: 'end a workspace and its documents, at once and for ever; its name stays taken',
    arguments: [WORKSPACE],
    asks: ({ workspace }) => `Delete ${workspace} for ever, with its clients and keys?`,
    examples: ['workspace delete shop'],
  },
]

const KEYS = {
  columns: ['kid', 'algorithm', 'state', 'may_sign_at', 'may_go_at', 'unexpired_tokens', 'needed_for'],
  in: 'keys',
  pages: false,
} as const

export const KEY_COMMANDS: readonly ApiCommand[] = [
  {
    name: 'key list',
    route: 'key.list',
    api: 'tenant',
    method: 'GET',
    path: '/workspaces/{workspace}/keys',
    says: 'signing keys, and what depends on each',
    list: KEYS,
    examples: ['key list --workspace shop'],
  },
  {
    name: 'key rotate',
    route: 'key.rotate',
    api: 'tenant',
    method: 'POST',
    path: '/workspaces/{workspace}/keys/rotate',
    says: 'the published key takes over, and another one is published',
    body: [{ name: 'now', kind: 'switch', says: 'also before every verifier can have it' }],
    list: KEYS,
    examples: ['key rotate --workspace shop', 'key rotate --workspace shop --now on --dry-run'],
  },
  {
    name: 'key revoke',
    route: 'key.revoke',
    api: 'tenant',
    method: 'DELETE',
    path: '/workspaces/{workspace}/keys/{kid}',
    says: 'the emergency: it leaves the JWKS now, and what it signed is worthless',
    arguments: [{ name: 'kid', into: 'path', says: 'the id of the key, from key list' }],
    list: KEYS,
    asks: ({ kid }) => `Revoke ${kid}? Every token that it signed is worthless from now on.`,
    examples: ['key revoke gV…kid --workspace shop --dry-run'],
  },
]
