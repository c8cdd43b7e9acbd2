/**
 * Reads `application/x-www-form-urlencoded` bodies (RFC 6749 §3.2, Appendix B) strictly, in place of a general
 * body parser: those make arrays of repeated parameters, honour other charsets and pass bad encodings through.
 * An endpoint names the parameters it reads; whatever else was sent is dropped (§3.2: "MUST be ignored").
 */
import { OAuthError } from './error.ts'

const MAX_PARAMETERS = 50

export type Form<Single extends string, Repeatable extends string> = Readonly<
  Partial<Record<Single, string>> & Record<Repeatable, readonly string[]>
>

/**
 * @param contentTypes every value of the Content-Type header
 * @param contentEncodings every value of the Content-Encoding header
 */
export function requireForm(contentTypes: readonly string[], contentEncodings: readonly string[]): void {
  const [type, ...parameters] = (contentTypes[0] ?? '').split(';').map((part) => part.trim().toLowerCase())
  if (contentTypes.length !== 1 || type !== 'application/x-www-form-urlencoded') {
    throw new OAuthError(
      'invalid_request',
      'content_type',
      'the body must be sent once as Content-Type: application/x-www-form-urlencoded',
    )
  }
  // Appendix B: UTF-8, whatever a charset parameter says; one that says otherwise is a misunderstanding.
  if (parameters.some((part) => part.startsWith('charset') && !/^charset="?utf-?8"?$/.test(part))) {
    throw new OAuthError(
      'invalid_request',
      'charset',
      'the body must be UTF-8: leave out the charset of its type',
    )
  }
  if (contentEncodings.some((encoding) => encoding.trim().toLowerCase() !== 'identity')) {
    throw new OAuthError(
      'invalid_request',
      'content_encoding',
      'the body must be sent without Content-Encoding',
    )
  }
}

/**
 * @param single parameters that may come once; a value that is empty means absent (§3.2)
 * @param repeatable parameters that their own specification allows to repeat
 */
export function readForm<Single extends string, Repeatable extends string>(
  body: Uint8Array,
  single: readonly Single[],
  repeatable: readonly Repeatable[],
): Form<Single, Repeatable> {
  const form: Record<string, string | string[]> = Object.create(null)
  for (const name of repeatable) form[name] = []
  const sent: string[] = []
  for (const [name, value] of readPairs(body)) {
    const values = form[name]
    if (Array.isArray(values)) {
      if (value !== '') values.push(value)
    } else if ((single as readonly string[]).includes(name)) {
      // §3.2: "MUST NOT be included more than once", counted before empty values are dropped.
      if (sent.includes(name)) {
        throw new OAuthError('invalid_request', 'repeated_parameter', `${name} may be sent only once`)
      }
      sent.push(name)
      if (value !== '') form[name] = value
    }
  }
  return form as Form<Single, Repeatable>
}

/** The names of all parameters, as they stand in a query: what §2.3.1 forbids there must be found, not read. */
export function readParameterNames(query: string): readonly string[] {
  return readPairs(Buffer.from(query, 'latin1')).map(([name]) => name)
}

function readPairs(body: Uint8Array): readonly (readonly [name: string, value: string])[] {
  const pieces = decodeUtf8(body).split('&')
  if (pieces.length > MAX_PARAMETERS) {
    throw new OAuthError(
      'invalid_request',
      'too_many_parameters',
      `send at most ${MAX_PARAMETERS} parameters`,
    )
  }
  return pieces.map((piece) => {
    const equals = piece.indexOf('=')
    return equals === -1
      ? [decodeFormValue(piece), '']
      : [decodeFormValue(piece.slice(0, equals)), decodeFormValue(piece.slice(equals + 1))]
  })
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes)
  } catch (cause) {
    throw new OAuthError('invalid_request', 'invalid_utf8', 'the body is not valid UTF-8', { cause })
  }
}

const NEEDS_DECODING = /[%+\0]/

/** Appendix B: `+` is a space, then percent-decoding as UTF-8. NUL is no character of any parameter. */
export function decodeFormValue(text: string): string {
  if (!NEEDS_DECODING.test(text)) return text
  let value: string
  try {
    // decodeURIComponent refuses %zz, a lone percent, overlong forms and surrogates.
    value = decodeURIComponent(text.replaceAll('+', ' '))
  } catch (cause) {
    throw new OAuthError(
      'invalid_request',
      'percent_encoding',
      'a percent-encoded sequence is not valid UTF-8',
      {
        cause,
      },
    )
  }
  if (value.includes('\0')) {
    throw new OAuthError('invalid_request', 'nul_character', 'a parameter contains a NUL character')
  }
  return value
}
