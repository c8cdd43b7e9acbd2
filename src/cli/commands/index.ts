/** Every command that is one call of an administrative API. A new one is a value in a file beside this one. */
import type { ApiCommand } from './api-command.ts'
import { AUDIT_COMMANDS } from './audit.ts'
import { CLIENT_COMMANDS } from './clients.ts'
import { RESOURCE_SERVER_COMMANDS } from './resource-servers.ts'
import { SECRET_COMMANDS } from './secrets.ts'
import { TENANT_COMMANDS } from './tenants.ts'
import { KEY_COMMANDS, WORKSPACE_COMMANDS } from './workspaces.ts'

export const API_COMMANDS: readonly ApiCommand[] = [
  ...TENANT_COMMANDS,
  ...WORKSPACE_COMMANDS,
  ...RESOURCE_SERVER_COMMANDS,
  ...CLIENT_COMMANDS,
  ...SECRET_COMMANDS,
  ...KEY_COMMANDS,
  ...AUDIT_COMMANDS,
]

/** What their first words stand for. */
export const FIRST_WORDS: Readonly<Record<string, string>> = {
  tenant: 'tenants of a region, for its operators; your own tenant',
  workspace: 'workspaces: each an issuer, with its keys, scopes and clients',
  'resource-server': 'the APIs that tokens are for',
  scope: 'what tokens allow; each scope belongs to one resource server',
  client: 'who asks for tokens, and what they were granted',
  secret: 'secrets of clients: several each, shown once',
  key: 'signing keys of a workspace',
  audit: 'the trail of what was changed, by whom',
  usage: 'how many tokens a client got, by day',
  node: 'the processes that serve a region',
}
