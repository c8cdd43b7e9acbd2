/** Commands of clients, of what they were granted, and of how many tokens they got. */
import { SECRET_METHODS } from '../../clients/client.ts'
import type { ApiCommand, Argument, Field } from './api-command.ts'

const CLIENT: Argument = { name: 'client', into: 'path', says: 'its client_id' }
const PATH = '/workspaces/{workspace}/clients/{client}'
const SETTINGS: readonly Field[] = [
  { name: 'name', says: 'what people call it' },
  {
    name: 'token_endpoint_auth_method',
    kind: SECRET_METHODS,
    option: 'auth-method',
    says: 'how it sends its secret',
  },
  { name: 'strict_auth_method', kind: 'switch', says: 'only by that method' },
  {
    name: 'default_resource_server_id',
    kind: 'server',
    nullable: true,
    option: 'default-resource-server',
    says: 'what its tokens are for where it does not say: an identifier',
  },
  { name: 'several_resources', kind: 'switch', says: 'one token may be for several resource servers' },
  {
    name: 'allowed_networks',
    kind: 'words',
    nullable: true,
    says: 'addresses and subnets that it may ask from; none: anywhere',
  },
]
const LIMIT: Field = {
  name: 'tokens_per_minute',
  kind: 'number',
  nullable: true,
  says: 'how many tokens a minute, at most',
}

const setState = (verb: 'enable' | 'disable', says: string, more: Partial<ApiCommand> = {}): ApiCommand => ({
  name: `client ${verb}`,
  route: 'client.update',
  api: 'tenant',
  method: 'PATCH',
  path: PATH,
  says,
  arguments: [CLIENT],
  sends: { state: `${verb}d` },
  examples: [`client ${verb} robot --workspace shop`],
  ...more,
})

export const CLIENT_COMMANDS: readonly ApiCommand[] = [
  {
    name: 'client create',
    route: 'client.create',
    api: 'tenant',
    method: 'POST',
    path: '/workspaces/{workspace}/clients',
    says: 'make a client; it has no secret yet (secret create)',
    arguments: [{ name: 'id', into: 'body', shown: 'client', says: 'its client_id, for ever' }],
    body: [
      ...SETTINGS,
      { name: 'scopes', kind: 'words', option: 'scope', says: 'granted, and given when it asks for none' },
    ],
    complete: (body) => ({ name: body.id, ...body }),
    examples: ['client create robot --workspace shop --scope orders:read,orders:write'],
  },
  {
    name: 'client list',
    route: 'client.list',
    api: 'tenant',
    method: 'GET',
    path: '/workspaces/{workspace}/clients',
    says: 'clients of a workspace, by id',
    query: [
      { name: 'state', kind: ['enabled', 'disabled'], says: 'only these' },
      { name: 'scope', says: 'only those that were granted it' },
      { name: 'unused_since', kind: 'moment', says: 'made before, and not known to have been used since' },
      { name: 'expires_before', kind: 'moment', says: 'with a secret that ends before' },
    ],
    list: { columns: ['id', 'name', 'state', 'scopes', 'created_at'] },
    examples: ['client list --workspace shop', "client list --workspace shop --unused-since '90d ago'"],
  },
  {
    name: 'client show',
    route: 'client.show',
    api: 'tenant',
    method: 'GET',
    path: PATH,
    says: 'a client with what it was granted',
    arguments: [CLIENT],
    examples: ['client show robot --workspace shop'],
  },
  {
    name: 'client update',
    route: 'client.update',
    api: 'tenant',
    method: 'PATCH',
    path: PATH,
    says: 'change what is named of its settings',
    arguments: [CLIENT],
    body: [...SETTINGS, LIMIT],
    examples: [
      'client update robot --workspace shop --tokens-per-minute 600',
      'client update robot --workspace shop --allowed-networks 10.0.0.0/8',
    ],
  },
  setState('enable', 'a disabled client goes on'),
  setState('disable', 'it gets no token any more, until it is enabled', {
    asks: ({ client }) => `Disable ${client}? It gets no token until it is enabled.`,
  }),
  {
    name: 'client delete',
    route: 'client.delete',
    api: 'tenant',
    method: 'DELETE',
    path: PATH,
    says: 'end a client with its secrets, for ever; its id stays taken',
    arguments: [CLIENT],
    asks: ({ client }) => `Delete ${client} for ever, with its secrets?`,
    examples: ['client delete robot --workspace shop'],
  },
  {
    name: 'client grant',
    route: 'client.grant',
    api: 'tenant',
    method: 'POST',
    path: `${PATH}/scopes`,
    says: 'grant scopes, or change whether it gets them when it asks for none',
    arguments: [
      CLIENT,
      { name: 'scopes', into: 'body', kind: 'words', shown: 'scope', says: 'one or several' },
    ],
    body: [{ name: 'by_default', kind: 'switch', says: 'given when it asks for none; default: on' }],
    examples: ['client grant robot orders:write --workspace shop --by-default off'],
  },
  {
    name: 'client withdraw',
    route: 'client.withdraw',
    api: 'tenant',
    method: 'DELETE',
    path: `${PATH}/scopes`,
    says: 'withdraw a scope: no token has it from now on',
    arguments: [CLIENT, { name: 'scope', into: 'query', says: 'the scope' }],
    asks: ({ client, scope }) => `Withdraw ${scope} from ${client}? No token has it from now on.`,
    examples: ['client withdraw robot orders:write --workspace shop'],
  },
  {
    name: 'usage',
    route: 'usage.show',
    api: 'tenant',
    method: 'GET',
    path: `${PATH}/usage`,
    says: 'how many tokens a client got, by day (UTC)',
    arguments: [CLIENT],
    list: { columns: ['day', 'issued'], in: 'days', pages: false },
    examples: ['usage robot --workspace shop'],
  },
]
