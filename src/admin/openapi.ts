/** The OpenAPI 3.1 document of both administrative APIs, made of the same shapes that requests are read with. */
import { z } from 'zod'
import { PERMISSIONS } from './permissions.ts'
import { NDJSON } from './reply.ts'
import type { AdminRoute } from './route.ts'
import { PREVIEW, PROBLEM } from './shapes.ts'

const PREFIX = { tenant: '/api/admin/{tenant}', system: '/api/system' } as const

export function openApi(routes: readonly AdminRoute[]): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) {
    const path = PREFIX[route.api] + route.path
    paths[path] ??= {}
    paths[path][route.method.toLowerCase()] = operationOf(route)
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Regent: administration', version: '1' },
    paths,
    components: {
      schemas: { Problem: schemaOf(PROBLEM), Preview: schemaOf(PREVIEW) },
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    },
    security: [{ bearer: [] }],
  }
}

function operationOf({
  name,
  api,
  method,
  path,
  summary,
  query,
  body,
  streams,
  answers,
}: AdminRoute): object {
  const inPath = [...`${api === 'tenant' ? '{tenant}' : ''}${path}`.matchAll(/\{(\w+)\}/g)].map(
    ([, parameter]) => ({
      name: parameter,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    }),
  )
  const inQuery = Object.entries(query?.shape ?? {}).map(([parameter, shape]) => ({
    name: parameter,
    in: 'query',
    required: !(shape as z.ZodType).safeParse(undefined).success,
    schema: schemaOf(shape as z.ZodType, 'input'),
  }))
  const preview = query !== undefined && 'dry_run' in query.shape && streams === undefined
  return {
    operationId: name,
    tags: [api],
    summary,
    description: `Needs the scope \`${PERMISSIONS[name]}\`.`,
    parameters: [...inPath, ...inQuery, ...headersOf(method)],
    ...(body && { requestBody: { content: { 'application/json': { schema: schemaOf(body, 'input') } } } }),
    ...(streams?.takes && {
      requestBody: {
        content: {
          'application/json': { schema: schemaOf(streams.takes.whole, 'input') },
          [NDJSON]: { schema: schemaOf(streams.takes.line, 'input') },
        },
      },
    }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, shape]) => [
          status,
          {
            description: summary,
            ...(shape && { content: { 'application/json': { schema: schemaOf(shape) } } }),
            ...(streams && { content: { [NDJSON]: { schema: schemaOf(streams.answers, 'input') } } }),
          },
        ]),
      ),
      ...(method !== 'GET' &&
        streams === undefined &&
        !('204' in answers) && { 204: { description: 'done, with Prefer: return=minimal' } }),
      ...(preview && !('200' in answers) && { 200: content('what would change', 'Preview') }),
      default: {
        description: 'refused',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  }
}

function content(description: string, schema: string): object {
  return {
    description,
    content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } },
  }
}

const header = (name: string, description: string) => ({
  name,
  in: 'header',
  required: false,
  description,
  schema: { type: 'string' },
})

function headersOf(method: AdminRoute['method']): readonly object[] {
  if (method === 'GET') return []
  return [
    header('Prefer', 'return=minimal; wait=N: until all live nodes know of it, N seconds at the most'),
    ...(method === 'POST'
      ? [header('Idempotency-Key', 'what was done with it once is not done again, and answered as then')]
      : [header('If-Match', 'the ETag that it must still have')]),
  ]
}

function schemaOf(shape: z.ZodType, io: 'input' | 'output' = 'output'): object {
  const { $schema: _, ...schema } = z.toJSONSchema(shape, { io, unrepresentable: 'any' }) as Record<
    string,
    unknown
  >
  return schema
}
