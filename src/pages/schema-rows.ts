/** A JSON Schema in lines: one for each value that an object has, however deep, with its type in words. */
import type { Schema } from './api-document.ts'

export type Row = {
  /** From the outermost object: `keys[].kid`. */
  readonly name: string
  readonly type: string
  readonly required: boolean
  readonly description: string
}

export function rowsOf(schema: Schema, prefix = ''): readonly Row[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, value]) => [
    {
      name: prefix + name,
      type: typeOf(value),
      required: schema.required.includes(name),
      description: value.description ?? '',
    },
    ...rowsWithin(value, prefix + name),
  ])
  return [...own, ...choicesOf(schema).flatMap((choice) => rowsOf(choice, prefix))]
}

function rowsWithin(schema: Schema, name: string): readonly Row[] {
  const { items, additionalProperties: others } = schema
  return [
    ...rowsOf(schema, `${name}.`),
    ...(items ? rowsOf(items, `${name}[].`) : []),
    ...(typeof others === 'object' ? rowsOf(others, `${name}.*.`) : []),
  ]
}

function choicesOf({ anyOf = [], oneOf = [] }: Schema): readonly Schema[] {
  return [...anyOf, ...oneOf]
}

/** @returns `whole number from 1 to 200`, `"enabled" or "disabled"`, `list of text` */
export function typeOf(schema: Schema): string {
  const { $ref, type, items, additionalProperties: others } = schema
  if ($ref !== undefined) return nameOf($ref)
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' or ')
  const choices = choicesOf(schema)
  if (choices.length > 0) return [...new Set(choices.map(typeOf))].join(' or ')
  if (Array.isArray(type)) return type.map((one) => typeOf({ ...schema, type: one })).join(' or ')
  if (type === 'array') return `list of ${items ? typeOf(items) : 'anything'}`
  if (type === 'object')
    return typeof others === 'object' && isTyped(others) ? `object of ${typeOf(others)}` : 'object'
  if (type === 'string') return textType(schema)
  return `${NAMES[type ?? ''] ?? 'anything'}${boundsOf(schema)}`
}

/** `#/components/schemas/Preview`: what it is called there. */
export function nameOf(reference: string): string {
  return reference.split('/').at(-1) ?? reference
}

const NAMES: Readonly<Record<string, string>> = {
  integer: 'whole number',
  number: 'number',
  boolean: 'true or false',
  null: 'null',
}

function textType({ format, maxLength }: Schema): string {
  if (format === 'date-time') return 'date and time'
  return maxLength === undefined ? 'text' : `text of up to ${maxLength} characters`
}

/** The bounds of what JavaScript counts exactly are no bounds of anybody's. */
function boundsOf({ minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER }: Schema): string {
  const from = minimum > Number.MIN_SAFE_INTEGER ? ` from ${minimum}` : ''
  const to = maximum < Number.MAX_SAFE_INTEGER ? ` to ${maximum}` : ''
  return from + to
}

function isTyped({ type, anyOf, oneOf, enum: values, $ref }: Schema): boolean {
  return [type, anyOf, oneOf, values, $ref].some((one) => one !== undefined)
}
