/** Reads what a request of administration brings: its query, its body, its preferences. Strictly: what is not known is refused. */
import { z } from 'zod'
import { decodeFormValue } from '../oauth/form.ts'
import { Problem, type Fault } from './problem.ts'

/** @throws Problem 422 that names each parameter that is wrong */
export function readQuery(query: string | undefined, shape: z.ZodObject | undefined): object {
  const values: Record<string, string> = Object.create(null)
  for (const piece of query === undefined || query === '' ? [] : query.split('&')) {
    const equals = piece.indexOf('=')
    const name = decodeFormValue(equals === -1 ? piece : piece.slice(0, equals))
    if (name in values) throw invalid([{ pointer: `?${name}`, detail: 'may be sent only once' }])
    values[name] = equals === -1 ? '' : decodeFormValue(piece.slice(equals + 1))
  }
  const read = (shape ?? z.strictObject({})).safeParse({ ...values })
  if (!read.success) throw invalid(faultsOf(read.error, (path) => `?${path.join('.')}`))
  return read.data
}

/** @throws Problem 415 for another type, 400 for what is no JSON, 422 that names each field that is wrong */
export function readJson(body: Buffer, contentTypes: readonly string[], shape: z.ZodObject): object {
  const [type = ''] = (contentTypes[0] ?? '').split(';')
  if (
    body.length > 0 &&
    (contentTypes.length !== 1 || !/^application\/(?:merge-patch\+)?json$/i.test(type.trim()))
  )
    throw new Problem(415, 'content_type', 'send the body as Content-Type: application/json')
  let value: unknown = {}
  if (body.length > 0) {
    try {
      value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
    } catch (cause) {
      throw new Problem(400, 'json_syntax', 'the body is not JSON in UTF-8', { cause })
    }
  }
  const read = shape.safeParse(value)
  if (!read.success) throw invalid(faultsOf(read.error, (path) => ['', ...path].join('/')))
  return read.data
}

export type Preferences = { readonly minimal: boolean; readonly wait: number | undefined }

const LONGEST_WAIT = 10

/** RFC 7240: `return=minimal` and `wait=`; what is not understood is passed over. */
export function readPreferences(values: readonly string[]): Preferences {
  const all = values.flatMap((value) => value.split(',')).map((one) => one.trim().toLowerCase())
  const wait = all.map((one) => /^wait=([0-9]{1,3})$/.exec(one)?.[1]).find((one) => one !== undefined)
  return {
    minimal: all.includes('return=minimal'),
    wait: wait === undefined ? undefined : Math.min(Number(wait), LONGEST_WAIT),
  }
}

function invalid(errors: readonly Fault[]): Problem {
  const detail = errors.map(({ pointer, detail: what }) => `${pointer}: ${what}`).join('; ')
  return new Problem(422, 'invalid', detail, { errors })
}

function faultsOf(error: z.ZodError, print: (path: readonly string[]) => string): readonly Fault[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.map(String)
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ pointer: print([...path, key]), detail: 'is not known here' }))
    return [{ pointer: print(path), detail: issue.message }]
  })
}
