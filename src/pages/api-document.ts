/** Reads an OpenAPI 3.1 document: what the page about it shows, and nothing else of it. JSON Schema, draft 2020-12. */
import { z } from 'zod'

const SCHEMA = z.looseObject({
  $ref: z.string().optional(),
  type: z.union([z.string(), z.array(z.string())]).optional(),
  description: z.string().optional(),
  enum: z.array(z.unknown()).optional(),
  const: z.unknown().optional(),
  default: z.unknown().optional(),
  format: z.string().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  maxLength: z.number().optional(),
  required: z.array(z.string()).default([]),
  get properties(): z.ZodOptional<z.ZodRecord<z.ZodString, typeof SCHEMA>> {
    return z.record(z.string(), SCHEMA).optional()
  },
  get items(): z.ZodOptional<typeof SCHEMA> {
    return SCHEMA.optional()
  },
  get anyOf(): z.ZodOptional<z.ZodArray<typeof SCHEMA>> {
    return z.array(SCHEMA).optional()
  },
  get oneOf(): z.ZodOptional<z.ZodArray<typeof SCHEMA>> {
    return z.array(SCHEMA).optional()
  },
  get additionalProperties(): z.ZodOptional<z.ZodUnion<readonly [z.ZodBoolean, typeof SCHEMA]>> {
    return z.union([z.boolean(), SCHEMA]).optional()
  },
})

const CONTENT = z.record(z.string(), z.object({ schema: SCHEMA })).default({})

const OPERATION = z.object({
  operationId: z.string(),
  summary: z.string(),
  description: z.string(),
  parameters: z.array(
    z.object({
      name: z.string(),
      in: z.enum(['path', 'query', 'header']),
      required: z.boolean(),
      description: z.string().optional(),
      schema: SCHEMA,
    }),
  ),
  requestBody: z.object({ content: CONTENT }).optional(),
  responses: z.record(z.string(), z.object({ description: z.string(), content: CONTENT })),
})

const DOCUMENT = z.object({
  info: z.object({ title: z.string() }),
  paths: z.record(z.string(), z.record(z.string(), OPERATION)),
  components: z.object({ schemas: z.record(z.string(), SCHEMA) }),
})

export type Schema = z.output<typeof SCHEMA>
export type Operation = z.output<typeof OPERATION>
export type ApiDocument = z.output<typeof DOCUMENT>

/** @throws ZodError where it is no such document */
export function readApiDocument(document: object): ApiDocument {
  return DOCUMENT.parse(document)
}
