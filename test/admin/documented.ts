/** Holds every request and every answer that a test has seen to the OpenAPI document: what it lacks, and what differs, throws. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { openApi } from '../../src/admin/openapi.ts'
import { ROUTES } from '../../src/admin/routes/index.ts'

type Operation = {
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >
}
type Content = { readonly 'application/json': { readonly schema: object } }

const DOCUMENT = openApi(ROUTES) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: object
}
const PREVIEW = { $ref: '#/components/schemas/Preview' }
const ajv = new Ajv2020({ strict: false, allErrors: true })
;(addFormats as unknown as (ajv: Ajv2020) => void)(ajv)
ajv.addSchema({ $id: 'document', components: DOCUMENT.components })

/** `POST /api/system/tenants 201`, and so on: what was seen. */
export const seenAnswers = new Set<string>()

export function documented(
  method: string,
  path: string,
  body: object | undefined,
  status: number,
  type: string,
  json: unknown,
  text = '',
): void {
  const found = Object.entries(DOCUMENT.paths).find(
    ([pattern, operations]) => patternOf(pattern).test(path.split('?')[0] ?? '') && method in operations,
  )
  // Paths that there are not are answered, too; they have no operation.
  const operation = found?.[1][method]
  if (operation === undefined) return
  const answer = operation.responses[status] ?? operation.responses['default']
  seenAnswers.add(`${method.toUpperCase()} ${found?.[0]} ${status}`)
  if (status < 400 && !(status in operation.responses))
    throw new Error(`${method} ${path}: ${status} is not in the document`)
  if (status < 300 && body !== undefined && operation.requestBody !== undefined)
    requireValid(
      validator(operation.requestBody.content['application/json'].schema),
      body,
      `${method} ${path}, its body`,
    )
  const line = answer?.content?.['application/x-ndjson']?.schema
  if (line !== undefined && type === 'application/x-ndjson') {
    const valid = validator(line)
    for (const one of text.split('\n').slice(0, -1))
      requireValid(valid, JSON.parse(one), `a line of ${method} ${path}`)
    return
  }
  const previewed = status === 200 && Object(json).dry_run === true
  const schema = previewed
    ? PREVIEW
    : answer?.content?.[status < 400 ? 'application/json' : 'application/problem+json']?.schema
  if (schema !== undefined && type.endsWith('json'))
    requireValid(validator(schema), json, `${method} ${path} ${status}`)
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`)
}

/** To compile one costs more than all that it is asked. */
const compiled = new WeakMap<object, ValidateFunction>()

function validator(schema: object): ValidateFunction {
  const known = compiled.get(schema)
  if (known !== undefined) return known
  const own = JSON.stringify(schema).replaceAll('"#/components', '"document#/components')
  const validate = ajv.compile(JSON.parse(own) as object)
  compiled.set(schema, validate)
  return validate
}

function requireValid(validate: ValidateFunction, value: unknown, what: string): void {
  if (!validate(value))
    throw new Error(
      `${what} is not as documented: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(value)}`,
    )
}
