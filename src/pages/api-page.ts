/** The document of the administrative APIs for people to read: each route with what it needs, takes and answers. */
import type { Origin } from '../tenancy/origin.ts'
import { printHostUrl } from '../tenancy/origin.ts'
import { readApiDocument, type ApiDocument, type Operation, type Schema } from './api-document.ts'
import { curlOf } from './api-example.ts'
import { nameOf, rowsOf, typeOf } from './schema-rows.ts'

const TITLES = {
  tenant: 'A tenant’s own administration',
  system: 'Administration by operators',
} as const
const PREFIX = { tenant: '/api/admin/{tenant}', system: '/api/system' } as const

/** @throws ZodError where it is no such document */
export function apiPage(origin: Origin, openApi: object) {
  const document = readApiDocument(openApi)
  const tenant = 'acme'
  const at = printHostUrl(origin, { region: 'none' }).split('://').join(`://${tenant}.`)
  const base = printHostUrl(origin, { region: 'none' })
  return {
    title: 'Administrative API',
    page: '/api' as const,
    tenantSetting: `API="${at}/api/admin/${tenant}"\nTOKENS="${at}/${tenant}/admin/oauth2/token"`,
    systemSetting: `API="${base}/api/system"\nTOKENS="${base.replace('://', '://system.')}/system/admin/oauth2/token"`,
    tokenSetting: TOKEN_SETTING,
    regional: printHostUrl(origin, { region: 'eu' }).replace('://', `://${tenant}.`),
    apis: (['tenant', 'system'] as const).map((api) => ({
      id: api,
      title: TITLES[api],
      groups: groupsOf(operationsOf(document, api)),
    })),
    shapes: Object.entries(document.components.schemas).map(([id, schema]) => ({
      id,
      table: tableOf(id, 'What it holds', schema, 'maybe'),
    })),
  }
}

const TOKEN_SETTING = [
  'TOKEN=$(curl --silent "$TOKENS" \\',
  '  --data grant_type=client_credentials \\',
  '  --data-urlencode "client_id=$CLIENT_ID" \\',
  '  --data-urlencode "client_secret=$CLIENT_SECRET" |',
  `  sed -E 's/.*"access_token":"([^"]+)".*/\\1/')`,
].join('\n')

type Shown = ReturnType<typeof showOperation>

function operationsOf({ paths }: ApiDocument, api: keyof typeof PREFIX): readonly Shown[] {
  return Object.entries(paths)
    .filter(([path]) => path === PREFIX[api] || path.startsWith(`${PREFIX[api]}/`))
    .flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) =>
        showOperation(operation, method.toUpperCase(), path, PREFIX[api]),
      ),
    )
}

/** By what they are about: their ids without the last word. */
function groupsOf(operations: readonly Shown[]) {
  const groups = new Map<string, Shown[]>()
  for (const one of operations) {
    const name = one.id.replace(/^system\./, '').replace(/\.\w+$/, '')
    groups.set(name, [...(groups.get(name) ?? []), one])
  }
  return [...groups].map(([name, own]) => ({
    title: (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll('_', ' '),
    operations: own,
  }))
}

function showOperation(operation: Operation, method: string, path: string, prefix: string) {
  const { operationId: id, summary, description, parameters, requestBody, responses } = operation
  const body = requestBody?.content['application/json']?.schema
  const label = (caption: string) => `${caption} of ${id}`
  return {
    id,
    method,
    path,
    summary: summary.replace(/\.$/, ''),
    description: description.split('`').map((text, index) => ({ text, code: index % 2 === 1 })),
    tables: [
      {
        label: label('Parameters'),
        caption: 'Parameters',
        rows: parameters.map(({ name, in: where, required, schema, description: meaning }) => ({
          name,
          note: `${where}${required ? '' : ', optional'}`,
          type: typeOf(schema),
          description: meaning ?? schema.description ?? '',
        })),
      },
      ...(body ? [tableOf(label('Body'), 'Body, JSON', body, 'optional')] : []),
    ].filter(({ rows }) => rows.length > 0),
    answers: Object.entries(responses)
      .filter(([status]) => status !== 'default')
      .map(([status, { description: meaning, content }]) => showAnswer(status, meaning, content, id)),
    curl: curlOf(operation, method, path, prefix),
  }
}

function showAnswer(
  status: string,
  description: string,
  content: Operation['responses'][string]['content'],
  id: string,
) {
  const schema = Object.values(content)[0]?.schema
  const table = schema && tableOf(`Answer ${status} of ${id}`, 'What it holds', schema, 'maybe')
  return {
    status,
    description,
    shape: schema?.$ref === undefined ? undefined : nameOf(schema.$ref),
    table: table === undefined || table.rows.length === 0 ? undefined : table,
  }
}

function tableOf(label: string, caption: string, schema: Schema, note: string) {
  const rows = rowsOf(schema).map(({ required, ...row }) => ({ ...row, note: required ? '' : note }))
  return { label, caption, rows }
}
