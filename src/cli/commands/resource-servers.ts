/** Commands of resource servers, and of the scopes that they own. */
import { ALGORITHMS, JWT_TYPES } from '../../oauth/signing.ts'
import type { ApiCommand, Argument, Field } from './api-command.ts'

const SERVER: Argument = {
  name: 'server',
  into: 'path',
  kind: 'server',
  shown: 'identifier',
  says: 'its identifier, which is the audience of its tokens, or its id',
}
const ONE = '/workspaces/{workspace}/resource-servers/{server}'
const SIGNING: readonly Field[] = [
  {
    name: 'signing_algorithm',
    kind: ALGORITHMS,
    nullable: true,
    says: 'how its tokens are signed; none: as its workspace does',
  },
  { name: 'jwt_type', kind: JWT_TYPES, says: 'JWT for verifiers that refuse at+jwt' },
]
const SHOWN = 'https://orders.example --workspace shop'

export const RESOURCE_SERVER_COMMANDS: readonly ApiCommand[] = [
  {
    name: 'resource-server create',
    route: 'resource_server.create',
    api: 'tenant',
    method: 'POST',
    path: '/workspaces/{workspace}/resource-servers',
    says: 'make a resource server: an API that tokens are for, with the scopes that it owns',
    arguments: [{ name: 'identifier', into: 'body', says: 'the audience of its tokens, a URI, for ever' }],
    body: [
      { name: 'name', says: 'what people call it; default: the identifier' },
      {
        name: 'scopes',
        kind: 'descriptions',
        option: 'scope',
        says: "a scope that it owns, as in 'orders:read=read orders'",
      },
      ...SIGNING,
    ],
    complete: (body) => ({ name: body.identifier, ...body }),
    examples: [
      `resource-server create ${SHOWN} --name Orders --scope 'orders:read=read orders' --scope 'orders:write=place orders'`,
    ],
  },
  {
    name: 'resource-server list',
    route: 'resource_server.list',
    api: 'tenant',
    method: 'GET',
    path: '/workspaces/{workspace}/resource-servers',
    says: 'the APIs that tokens of a workspace are for',
    query: [{ name: 'scope', says: 'only the one that owns it' }],
    list: { columns: ['identifier', 'name', 'signing_algorithm', 'scopes'] },
    examples: ['resource-server list --workspace shop'],
  },
  {
    name: 'resource-server show',
    route: 'resource_server.show',
    api: 'tenant',
    method: 'GET',
    path: ONE,
    says: 'a resource server with its scopes',
    arguments: [SERVER],
    examples: [`resource-server show ${SHOWN}`],
  },
  {
    name: 'resource-server update',
    route: 'resource_server.update',
    api: 'tenant',
    method: 'PATCH',
    path: ONE,
    says: 'change its name, or how its tokens are signed: one of the two at a time',
    arguments: [SERVER],
    body: [{ name: 'name', says: 'what people call it' }, ...SIGNING],
    examples: [`resource-server update ${SHOWN} --signing-algorithm RS256`],
  },
  {
    name: 'resource-server delete',
    route: 'resource_server.delete',
    api: 'tenant',
    method: 'DELETE',
    path: ONE,
    says: 'end a resource server whose scopes nobody was granted; its identifier stays taken',
    arguments: [SERVER],
    asks: ({ server }) => `Delete ${server} for ever?`,
    examples: [`resource-server delete ${SHOWN}`],
  },
  {
    name: 'scope create',
    route: 'scope.add',
    api: 'tenant',
    method: 'POST',
    path: `${ONE}/scopes`,
    says: 'give a resource server more scopes',
    arguments: [
      {
        name: 'scopes',
        into: 'body',
        kind: 'descriptions',
        shown: 'scope=description',
        says: "as in 'orders:read=read orders'",
      },
    ],
    examples: [
      "scope create 'orders:refund=pay back' --resource-server https://orders.example --workspace shop",
    ],
  },
  {
    name: 'scope list',
    route: 'resource_server.list',
    api: 'tenant',
    method: 'GET',
    path: '/workspaces/{workspace}/resource-servers',
    says: 'scopes of a workspace, by the resource server that owns them',
    list: { columns: ['identifier', 'scopes'] },
    examples: ['scope list --workspace shop'],
  },
  {
    name: 'scope delete',
    route: 'scope.remove',
    api: 'tenant',
    method: 'DELETE',
    path: `${ONE}/scopes`,
    says: 'take a scope away that nobody was granted',
    arguments: [{ name: 'scope', into: 'query', says: 'the scope' }],
    asks: ({ scope }) => `Take the scope ${scope} away?`,
    examples: ['scope delete orders:refund --resource-server https://orders.example --workspace shop'],
  },
]
