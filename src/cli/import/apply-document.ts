/** Applies what was imported as `regent apply` does a file; what the server refuses is said by client. */
import type { DocumentInput } from '../../admin/document/document.ts'
import { ApiProblem } from '../api/api-problem.ts'
import { withApi } from '../api/connect.ts'
import type { ConnectionOptions } from '../api/connection-options.ts'
import { CommandFault } from '../exit-code.ts'
import { apply } from '../files/apply.ts'
import { plain } from '../plain.ts'

type Options = ConnectionOptions & { readonly yes?: boolean; readonly json?: boolean }

export async function applyDocument(document: DocumentInput, options: Options): Promise<void> {
  try {
    await withApi(options, ({ api }) => apply(api, wholeOf(document), options))
  } catch (error) {
    if (!(error instanceof ApiProblem) || !error.problem.errors?.length) throw error
    const faults = error.problem.errors.map(
      ({ pointer, detail }) => `  ${whoIsAt(document, pointer)}: ${detail}`,
    )
    throw new CommandFault(error.exitCode, plain(['Nothing was imported:', ...faults].join('\n')), {
      cause: error,
    })
  }
}

/** With what was left out as lists of nothing. */
function wholeOf({ workspaces = [], ...header }: DocumentInput) {
  return {
    ...header,
    workspaces: workspaces.map(({ resource_servers: servers = [], clients = [], ...workspace }) => ({
      ...workspace,
      resource_servers: servers,
      clients,
    })),
  }
}

/** @param pointer RFC 6901, into the document. @returns whose part it points to, in words */
export function whoIsAt({ workspaces = [] }: DocumentInput, pointer: string): string {
  const [, , index, list, place, ...rest] = pointer.split('/')
  const workspace = workspaces[Number(index)]
  if (workspace === undefined) return pointer
  const field = rest.length === 0 ? '' : `, ${rest.join(' ')}`
  const client = list === 'clients' ? workspace.clients?.[Number(place)] : undefined
  if (client !== undefined) return `client ${client.id}${field}`
  const server = list === 'resource_servers' ? workspace.resource_servers?.[Number(place)] : undefined
  if (server !== undefined) return `API ${server.identifier}${field}`
  return `workspace ${workspace.slug}${list === undefined ? '' : `, ${[list, place, ...rest].join(' ')}`}`
}
