/** Commands of operators: tenants and their life, and the nodes of a region; of a tenant's people: what their tenant is. */
import type { ApiCommand, Argument, Field } from './api-command.ts'

const TENANT: Argument = { name: 'tenant', into: 'path', says: 'its name' }
const COLUMNS = ['slug', 'state', 'max_clients', 'tokens_per_minute', 'created_at', 'gone_at']
const MOST = (name: string, of: string): Field => ({
  name,
  kind: 'number',
  nullable: true,
  says: `how many ${of} it may have, at most`,
})

const move = (
  verb: 'suspend' | 'resume' | 'restore',
  says: string,
  more: Partial<ApiCommand> = {},
): ApiCommand => ({
  name: `tenant ${verb}`,
  route: `system.tenant.${verb}`,
  api: 'system',
  method: 'POST',
  path: `/tenants/{tenant}/${verb}`,
  says,
  arguments: [TENANT],
  examples: [`tenant ${verb} acme`],
  ...more,
})

export const TENANT_COMMANDS: readonly ApiCommand[] = [
  {
    name: 'tenant create',
    route: 'system.tenant.create',
    api: 'system',
    method: 'POST',
    path: '/tenants',
    says: 'make a tenant, with its first administrator, whose secret is shown once',
    arguments: [
      { name: 'slug', into: 'body', shown: 'tenant', says: 'its name in hosts and paths, for ever' },
    ],
    showsSecret: true,
    examples: ['tenant create acme', 'tenant create acme --dry-run'],
  },
  {
    name: 'tenant list',
    route: 'system.tenant.list',
    api: 'system',
    method: 'GET',
    path: '/tenants',
    says: 'tenants of the region; deleted ones too, until they are gone',
    query: [{ name: 'state', kind: ['live', 'suspended', 'deleted'], says: 'only these' }],
    list: { columns: COLUMNS },
    examples: ['tenant list', 'tenant list --state suspended --json'],
  },
  {
    name: 'tenant show',
    route: 'system.tenant.show',
    api: 'system',
    method: 'GET',
    path: '/tenants/{tenant}',
    says: 'a tenant with its state and its quotas; without a name, the tenant that you administer',
    arguments: [{ ...TENANT, optional: true }],
    otherwise: { route: 'tenant.show', api: 'tenant', path: '' },
    examples: ['tenant show acme', 'tenant show'],
  },
  {
    name: 'tenant update',
    route: 'system.tenant.update',
    api: 'system',
    method: 'PATCH',
    path: '/tenants/{tenant}',
    says: 'set its quotas, or its limit of tokens: one of the two at a time',
    arguments: [TENANT],
    body: [
      MOST('max_workspaces', 'workspaces'),
      MOST('max_resource_servers', 'resource servers'),
      MOST('max_clients', 'clients'),
      MOST('max_scopes', 'scopes'),
      MOST('tokens_per_minute', 'tokens a minute'),
    ],
    examples: ['tenant update acme --max-clients 500', 'tenant update acme --tokens-per-minute none'],
  },
  move('suspend', 'no client of it gets a token any more, and its people only read', {
    alias: 'disable',
    asks: ({ tenant }) => `Suspend ${tenant}? None of its clients gets a token until it is resumed.`,
  }),
  move('resume', 'a suspended tenant goes on', { alias: 'enable' }),
  {
    name: 'tenant delete',
    route: 'system.tenant.delete',
    api: 'system',
    method: 'DELETE',
    path: '/tenants/{tenant}',
    says: 'suspend a tenant, and end it when the waiting time is over; its name stays taken',
    arguments: [TENANT],
    query: [
      { name: 'wait', kind: 'number', option: 'after', says: 'seconds until it is gone; default: 30 days' },
    ],
    asks: ({ tenant }) => `Delete ${tenant}? It is suspended now, and gone when the waiting time is over.`,
    examples: ['tenant delete acme', 'tenant delete acme --after 86400 --yes'],
  },
  move('restore', 'undo a deletion while its time lasts; the tenant is suspended then'),
  {
    name: 'tenant add-administrator',
    route: 'system.administrator.create',
    api: 'system',
    method: 'POST',
    path: '/tenants/{tenant}/administrators',
    says: 'give a tenant another administrator, when all secrets are lost; its secret is shown once',
    arguments: [TENANT],
    showsSecret: true,
    examples: ['tenant add-administrator acme'],
  },
  {
    name: 'node list',
    route: 'system.node.list',
    api: 'system',
    method: 'GET',
    path: '/nodes',
    says: 'live nodes of the region, and how far each has read the changes',
    list: { columns: ['id', 'version', 'feed_number', 'connections', 'master_key_ids'], pages: false },
    examples: ['node list'],
  },
]
