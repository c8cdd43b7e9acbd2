/** Resource servers by what people call them: their identifiers, or a scope that they own. */
import type { ApiClient } from '../api/api-client.ts'
import { CommandFault, EXIT } from '../exit-code.ts'
import { plainLine } from '../plain.ts'

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** @param path of the resource servers of a workspace. @throws CommandFault where there is none */
export async function findServer(api: ApiClient, path: string, identifier: string): Promise<string> {
  if (UUID.test(identifier)) return identifier
  return findWhere(
    api,
    path,
    (server) => server.identifier === identifier,
    `with the identifier ${identifier}`,
  )
}

export async function findOwner(api: ApiClient, path: string, scope: string): Promise<string> {
  return findWhere(
    api,
    path,
    (server) => Object.hasOwn(Object(server.scopes) as object, scope),
    `that owns the scope ${scope}`,
  )
}

async function findWhere(
  api: ApiClient,
  path: string,
  is: (server: Readonly<Record<string, unknown>>) => boolean,
  what: string,
): Promise<string> {
  for await (const server of api.list({ api: 'tenant', path })) if (is(server)) return String(server.id)
  throw new CommandFault(EXIT.notFound, plainLine(`There is no resource server ${what} in this workspace.`))
}
