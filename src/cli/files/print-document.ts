/** Parts of a document, as the API streams them, as one file. Pure: the same parts make the same bytes. */
import { stringify } from 'yaml'

type Part = {
  readonly workspace?: object
  readonly resource_server?: object
  readonly client?: object
}
type Whole = object & { resource_servers?: object[]; clients?: object[] }

const LISTS = { resource_server: 'resource_servers', client: 'clients' } as const

export function* printYaml(parts: readonly object[]): Generator<string> {
  let list: string | undefined
  let begun = false
  for (const part of parts as readonly Part[]) {
    const [kind = '', value] = Object.entries<unknown>({ ...part })[0] ?? []
    if (kind === 'workspace') {
      if (!begun) yield 'workspaces:\n'
      begun = true
      list = undefined
      yield item(value, '  ')
    } else if (kind === 'resource_server' || kind === 'client') {
      if (list !== kind) yield `    ${LISTS[kind]}:\n`
      list = kind
      yield item(value, '      ')
    } else yield stringify(part)
  }
}

function item(value: unknown, indent: string): string {
  const text = stringify([value], { lineWidth: 0 })
  return text.replaceAll(/^(?=.)/gm, indent)
}

export function* printJsonDocument(parts: readonly object[]): Generator<string> {
  const [header, ...rest] = parts as readonly Part[]
  const workspaces: Whole[] = []
  for (const { workspace, resource_server: server, client } of rest) {
    const last = workspaces.at(-1)
    if (workspace !== undefined) workspaces.push({ ...workspace })
    else if (last && server !== undefined) (last.resource_servers ??= []).push(server)
    else if (last && client !== undefined) (last.clients ??= []).push(client)
  }
  yield `${JSON.stringify({ ...header, ...(workspaces.length > 0 && { workspaces }) }, null, 2)}\n`
}
