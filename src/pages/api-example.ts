/** An example of a call: a command that can be pasted once its variables are set, with a body that its schema takes. */
import type { Operation, Schema } from './api-document.ts'

/** What a reader recognises; whatever is not here is called by its own name. */
const VALUES: Readonly<Record<string, unknown>> = {
  slug: 'shop',
  id: 'nightly-batch',
  name: 'Example',
  label: 'november',
  identifier: 'https://orders.acme.example',
  scope: 'orders:read',
  scopes: ['orders:read'],
}
const MOMENT = '2030-01-01T00:00:00Z'

/** @param path behind the host, with `{name}` for each parameter; @param prefix of it, that `$API` stands for */
export function curlOf(operation: Operation, method: string, path: string, prefix: string): string {
  const variables = path
    .slice(prefix.length)
    .replaceAll(/\{(\w+)\}/g, (_, name: string) => `$${name.toUpperCase()}`)
  const query = operation.parameters
    .filter((parameter) => parameter.in === 'query' && parameter.required)
    .map(({ name, schema }) => `${name}=${encodeURIComponent(String(exampleOf(schema, name)))}`)
  const schema = operation.requestBody?.content['application/json']?.schema
  return [
    `curl "$API${variables}${query.length > 0 ? `?${query.join('&')}` : ''}"`,
    ...(method === 'GET' ? [] : [`--request ${method}`]),
    '--header "Authorization: Bearer $TOKEN"',
    ...(schema === undefined
      ? []
      : [
          "--header 'Content-Type: application/json'",
          `--data '${JSON.stringify(exampleOf(schema)).replaceAll("'", "'\\''")}'`,
        ]),
  ].join(' \\\n  ')
}

/** @param name that it stands under. @returns the least that the schema takes; of an object without a must, one member */
export function exampleOf(schema: Schema, name = ''): unknown {
  const [choice] = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]
  if (schema.const !== undefined) return schema.const
  if (schema.enum !== undefined) return schema.enum[0]
  if (choice !== undefined) return exampleOf(choice, name)
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  const value = VALUES[name]
  switch (type ?? 'null') {
    case 'object':
      return exampleObject(schema, name)
    case 'array':
      return Array.isArray(value) ? value : [schema.items ? exampleOf(schema.items, name) : name]
    case 'string':
      return schema.format === 'date-time' ? MOMENT : typeof value === 'string' ? value : name
    case 'integer':
    case 'number':
      return schema.default ?? Math.max(schema.minimum ?? 0, Math.min(600, schema.maximum ?? 600))
    case 'boolean':
      return true
    default:
      return null
  }
}

function exampleObject(
  { properties = {}, required, additionalProperties: others }: Schema,
  name: string,
): object {
  const [first] = Object.keys(properties)
  const shown = required.length > 0 ? required : first === undefined ? [] : [first]
  const own = shown.map((one) => [one, exampleOf(properties[one] ?? NOTHING, one)])
  // A map: its names are whoever's who sends it.
  if (own.length === 0 && typeof others === 'object' && others.type !== undefined)
    return { [String(VALUES['scope'])]: exampleOf(others, name) }
  return Object.fromEntries(own) as object
}

const NOTHING = { required: [] } as unknown as Schema
