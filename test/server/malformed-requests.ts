/**
 * Generates requests that are wrong in one way. Each carries the right credentials, so that whoever mends or overlooks
 * what is wrong gives itself away by a token.
 */
import { METHODS } from 'node:http'
import { gzipSync } from 'node:zlib'
import fc, { type Arbitrary } from 'fast-check'

export type Malformed = {
  readonly family: string
  readonly bytes: Buffer
  /** What the operator may see. */
  readonly reasons: readonly string[]
  /** The answer to HEAD has no body. */
  readonly head: boolean
  /** No more is sent: the caller says so, and may get no answer. */
  readonly end: boolean
  /** The frame itself cannot be read: whatever follows on the connection is no request. */
  readonly broken: boolean
}

type Subject = { readonly host: string; readonly path: string; readonly id: string; readonly secret: string }
type Message = { line: string; headers: readonly string[]; body: string | Buffer }
type Family = Pick<Malformed, 'reasons'> &
  Partial<Pick<Malformed, 'end' | 'broken' | 'head'>> & {
    readonly bytes: Arbitrary<string | Buffer>
    /** What reaches the database takes longest, and is sent less often. */
    readonly weight?: number
  }

const FORM = 'Content-Type: application/x-www-form-urlencoded'
const MAX_BODY = 16 * 1024

/** One character, one byte. */
const latin1 = (text: string | Buffer) => (typeof text === 'string' ? text : text.toString('latin1'))
const utf8 = (text: string) => Buffer.from(text).toString('latin1')
const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64')
const oneOf = (...texts: readonly string[]) => fc.constantFrom(...texts)

function print({ line, headers, body }: Message): string {
  return [line, ...headers, '', latin1(body)].join('\r\n')
}

/** @returns a family for each way to be wrong */
export function families({ host, path, id, secret }: Subject): Readonly<Record<string, Family>> {
  const endpoint = `${path}/oauth2/token`
  const line = `POST ${endpoint} HTTP/1.1`
  const own = `Host: ${host}`
  const form = `grant_type=client_credentials&client_id=${id}&client_secret=${secret}`
  const bare = 'grant_type=client_credentials'
  const chunks = `${form.length.toString(16)}\r\n${form}\r\n0\r\n\r\n`
  const lengthOf = (body: string | Buffer) => `Content-Length: ${Buffer.byteLength(latin1(body), 'latin1')}`
  const authorization = (value: string) => `Authorization: ${value}`

  /** Well framed; the caller wants one answer. */
  const message = (change: Partial<Message>) => {
    const body = change.body ?? form
    const { headers = [own, FORM] } = change
    return print({ line, body, ...change, headers: [...headers, lengthOf(body), 'Connection: close'] })
  }
  /** Not framed yet: Content-Length and the like are among the headers. */
  const frame = (headers: readonly string[], body: string, first = line) =>
    print({ line: first, headers: [own, FORM, ...headers], body })
  const withForm = (body: string | Buffer) => message({ body })
  const withBasic = (value: string) => message({ headers: [own, FORM, authorization(value)], body: bare })

  const junk = fc.string({ unit: 'binary', maxLength: 12 }).map(utf8)
  const word = fc.stringMatching(/^[a-z]{1,8}$/)
  const control = fc
    .integer({ min: 0, max: 0x1f })
    .filter((code) => ![9, 10, 13].includes(code))
    .map((code) => String.fromCodePoint(code))
  const badPercent = oneOf('%', '%z', '%zz', '%f', '%ff', '%c0%af', '%ed%a0%80', '%e2%82', '%f8%88%80%80%80')
  const badUtf8 = oneOf(
    '\xff',
    '\xfe',
    '\xc0\xaf',
    '\xed\xa0\x80',
    '\xe2\x82',
    '\x80',
    '\xf8\x88\x80\x80\x80',
  )
  const parameter = fc.tuple(word, word).map((pair) => pair.join('='))
  const around = (bad: Arbitrary<string>) =>
    fc
      .tuple(fc.boolean(), word, bad, fc.boolean())
      .map(([front, name, wrong, asName]) =>
        asName ? `${wrong}${name}=x` : `${name}=${front ? wrong : `x${wrong}`}`,
      )
  const beside = (extra: Arbitrary<string>) =>
    fc
      .tuple(extra, fc.boolean())
      .map(([text, first]) => withForm(first ? `${text}&${form}` : `${form}&${text}`))

  return {
    'a request line that is none': {
      reasons: ['malformed_message'],
      broken: true,
      bytes: fc
        .oneof(
          oneOf('post', 'FOO', 'P OST', 'POST\t', '', ' POST', 'PRI', '\x16\x03\x01\x02', '{', '\xff').map(
            (method) => `${method} ${endpoint} HTTP/1.1`,
          ),
          oneOf(
            'HTTP/1.2',
            'HTTP/3',
            'HTTP/11',
            'HTTX/1.1',
            'http/1.1',
            'HTTP/1,1',
            'HTTP/1.1 x',
            'HTTPS/1.1',
          ).map((version) => `POST ${endpoint} ${version}`),
          oneOf('HTTP/2.0', 'HTTP/0.9').map((version) => `POST ${endpoint} ${version}`),
          oneOf('\t', '\0', '\r', '\x7f', '\xe9', '\x01').map(
            (letter) => `POST ${endpoint}${letter} HTTP/1.1`,
          ),
          junk.filter((text) => !/^[\r\n]*$/.test(text)).map((text) => `${text}${endpoint} HTTP/1.1`),
        )
        .map((first) => frame([lengthOf(form)], form, first)),
    },
    'a header that is none': {
      reasons: ['malformed_message'],
      broken: true,
      bytes: fc
        .oneof(
          oneOf(
            'X',
            'X : y',
            ': y',
            ' X: y',
            '\tX: y',
            'X\0: y',
            'X: \0',
            'X(: y',
            'X@y: z',
            'é: y',
            '"X": y',
          ),
          oneOf('X: y\r\n z', 'X: y\r\n\tz', 'X:\r\n y', 'X: y\rZ: z', 'X: y\nZ: z', 'X: y\r', 'X: y\r\r'),
          fc.tuple(word, control).map(([name, bad]) => `${name}: a${bad}b`),
          fc.tuple(word, control).map(([name, bad]) => `${name}${bad}: b`),
        )
        .map((text) => frame([utf8(text), lengthOf(form)], form)),
    },
    'bare line feeds': {
      reasons: ['malformed_message'],
      broken: true,
      weight: 0.3,
      bytes: fc.integer({ min: 0, max: 4 }).map((which) => {
        const lines = frame([lengthOf(form)], form).split('\r\n')
        return lines.map((text, index) => text + (index >= which ? '\n' : '\r\n')).join('')
      }),
    },
    'a Content-Length that is none, or two': {
      reasons: ['malformed_message'],
      broken: true,
      bytes: fc
        .oneof(
          fc.nat({ max: 200 }).map((other) => [lengthOf(form), `Content-Length: ${other}`]),
          fc.constant([lengthOf(form), lengthOf(form)]),
          oneOf(
            '+1',
            '-1',
            '0x10',
            '1e2',
            '1,1',
            '1, 1',
            '1 1',
            '',
            'x',
            '1.0',
            '"1"',
            '9'.repeat(20),
            '1;2',
            '\x0b1',
          ).map((value) => [`Content-Length: ${value}`]),
          oneOf('', ' ').map((space) => [`Content-Length${space || '\t'}: ${form.length}`]),
        )
        .map((lengths) => frame(lengths, form)),
    },
    'Content-Length beside Transfer-Encoding (RFC 9112 §6.1)': {
      reasons: ['malformed_message'],
      broken: true,
      bytes: fc
        .tuple(
          fc.constantFrom(lengthOf(form), lengthOf(chunks), 'Content-Length: 0', 'Content-Length: 5'),
          oneOf('chunked', 'Chunked', 'gzip, chunked', 'identity', 'x'),
          fc.boolean(),
        )
        .map(([length, coding, first]) => {
          const both = [length, `Transfer-Encoding: ${coding}`]
          return frame(first ? both : both.toReversed(), chunks)
        }),
    },
    'a transfer coding that is not chunked, once': {
      reasons: ['malformed_message'],
      broken: true,
      bytes: fc
        .oneof(
          oneOf(
            'xchunked',
            'chunkedx',
            'chunked, identity',
            'chunked;q=1',
            '"chunked"',
            'gzip',
            'identity',
            'cow',
          ),
          oneOf(
            'gzip, chunked',
            'identity, chunked',
            'deflate,chunked',
            'chunked,',
            ',chunked',
            'chunked, chunked',
          ),
          oneOf(
            '\x0bchunked',
            'chunked\0',
            "'chunked'",
            'chunked\x0c',
            'chunk ed',
            'chunked\r\n ',
            '\xefchunked',
          ),
          word.filter((name) => name !== 'chunked'),
        )
        .map((coding) => frame([`Transfer-Encoding: ${coding}`], chunks)),
    },
    'two Transfer-Encodings, or one before HTTP/1.1': {
      reasons: ['malformed_message'],
      broken: true,
      weight: 0.5,
      bytes: fc.constantFrom(
        frame(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], chunks),
        frame(['Transfer-Encoding: identity', 'Transfer-Encoding: chunked'], chunks),
        frame(['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], chunks),
        frame(['Transfer-Encoding : chunked'], chunks),
        frame(['Transfer-Encoding: chunked'], chunks, line.replace('1.1', '1.0')),
        frame(['Transfer-Encoding: chunked', 'Connection: keep-alive'], chunks, line.replace('1.1', '1.0')),
      ),
    },
    'chunks that are none': {
      reasons: ['malformed_message'],
      broken: true,
      bytes: fc
        .oneof(
          oneOf('zz', '-1', '0x5', '', ' 5', '5 5', 'f'.repeat(17), '+5', '5,', '"5"', '\x005').map(
            (size) => `${size}\r\n${form}\r\n0\r\n\r\n`,
          ),
          fc
            .integer({ min: 1, max: 20 })
            .map((less) => `${(form.length - less).toString(16)}\r\n${form}\r\n0\r\n\r\n`),
          oneOf(';\0', ';a=\0', ';a=b\n', ';\x01', ';a="b\0"', `;a=${'x'.repeat(20_000)}`, ';a\r').map(
            (extension) => chunks.replace('\r\n', `${extension}\r\n`),
          ),
          oneOf('\n', '', '\r', 'x\r\n').map((end) =>
            chunks.replace(form, `${form}${end}`).replace(`${end}\r\n0`, `${end}0`),
          ),
          oneOf('X Y', ': x', 'X\0: y', 'X : y').map((trailer) =>
            chunks.replace(/\r\n$/, `${trailer}\r\n\r\n`),
          ),
          fc.constant(chunks.replaceAll('\r\n', '\n')),
        )
        .map((body) => frame(['Transfer-Encoding: chunked'], body)),
    },
    'more than 100 headers': {
      // Node 24 stops reading far beyond the limit, and says so as an overflow.
      reasons: ['too_many_headers', 'headers_too_large'],
      weight: 0.5,
      bytes: fc
        .tuple(fc.integer({ min: 97, max: 400 }), word)
        .map(([count, name]) =>
          message({ headers: [own, FORM, ...Array.from({ length: count }, () => `${name}: x`)] }),
        ),
    },
    'more than 16 KiB of headers': {
      reasons: ['headers_too_large'],
      broken: true,
      weight: 0.5,
      bytes: fc.tuple(fc.integer({ min: 16_384, max: 40_000 }), fc.nat({ max: 2 })).map(([size, where]) => {
        const long = 'x'.repeat(size)
        if (where === 0) return frame([`X-A: ${long}`, lengthOf(form)], form)
        if (where === 1) return frame([`X-${long}: a`, lengthOf(form)], form)
        return frame([lengthOf(form)], form, `POST ${endpoint}?${long} HTTP/1.1`)
      }),
    },
    'a host that is not ours, or none': {
      weight: 2,
      reasons: ['unknown_address', 'host_syntax', 'host_count', 'malformed_message'],
      bytes: fc
        .oneof(
          fc
            .tuple(fc.nat({ max: host.length }), fc.nat({ max: 2 }), junk)
            .map(([at, remove, insert]) => [`Host: ${host.slice(0, at)}${insert}${host.slice(at + remove)}`]),
          oneOf(
            '',
            'localhost',
            '[::1]',
            `${host},${host}`,
            `x@${host}`,
            `${host}:80`,
            `${host}/`,
            '127.0.0.1',
          ).map((other) => [`Host: ${other}`]),
          fc.constantFrom([], [own, own], [own, 'Host: x'], ['Host: x', own]),
          word.map((name) => [own.replace(/: \w+/, `: ${name}`)]),
        )
        .filter((hosts) => {
          // Spaces around a value, a final dot and the public port are no fault.
          const [first = ''] = hosts
          const plain = first
            .replace(/^Host:[ \t]*/, '')
            .replace(/[ \t]*$/, '')
            .toLowerCase()
          return hosts.length !== 1 || plain.replace(/:443$/, '').replace(/\.$/, '') !== host
        })
        .map((hosts) => message({ headers: [...hosts, FORM] })),
    },
    'a target that is not there': {
      weight: 2,
      reasons: ['unknown_address', 'target_syntax', 'malformed_message'],
      bytes: fc
        .oneof(
          fc
            .tuple(fc.nat({ max: endpoint.length }), fc.nat({ max: 2 }), junk)
            .map(([at, remove, insert]) => endpoint.slice(0, at) + insert + endpoint.slice(at + remove))
            .filter((target) => target.split('?')[0] !== endpoint),
          oneOf('*', '/x', '//', `http://${host}${endpoint}`, `${host}:443`, `${endpoint}/`, `/.${endpoint}`),
          oneOf(endpoint.toUpperCase(), endpoint.replaceAll('/', '%2f'), endpoint.replaceAll('/', '\\')),
          oneOf('/..', '/%2e%2e', ';x', '%00', '#x', '/x', '.json', '%20').map(
            (more) => `${endpoint}${more}`,
          ),
        )
        .map((target) => message({ line: `POST ${target} HTTP/1.1` })),
    },
    'another method': {
      reasons: ['method_not_allowed'],
      weight: 0.5,
      bytes: fc
        .constantFrom(...METHODS.filter((method) => !['POST', 'CONNECT', 'HEAD'].includes(method)))
        .map((method) => message({ line: `${method} ${endpoint} HTTP/1.1` })),
    },
    HEAD: {
      reasons: ['method_not_allowed'],
      head: true,
      weight: 0.1,
      bytes: fc.constant(message({ line: `HEAD ${endpoint} HTTP/1.1` })),
    },
    'a percent encoding that is none': {
      reasons: ['percent_encoding'],
      bytes: beside(around(badPercent)),
    },
    'bytes that are no UTF-8': { reasons: ['invalid_utf8'], bytes: beside(around(badUtf8)) },
    'a NUL character': { reasons: ['nul_character'], weight: 0.5, bytes: beside(around(oneOf('\0', '%00'))) },
    'more than 50 parameters': {
      reasons: ['too_many_parameters'],
      weight: 0.5,
      bytes: beside(
        fc
          .array(fc.oneof(parameter, oneOf('', '=', 'a', 'scope=read')), { minLength: 48, maxLength: 400 })
          .map((many) => many.join('&')),
      ),
    },
    'a repeated parameter': {
      reasons: ['repeated_parameter'],
      bytes: beside(
        fc
          .tuple(
            fc.constantFrom(
              'grant_type=client_credentials',
              'grant_type=',
              `client_id=${id}`,
              'client_id',
              `client_secret=${secret}`,
              'client_secret=x',
              'scope=read&scope=read',
              'scope=&scope=write',
              'grant%5ftype=x',
              'client_assertion=x&client_assertion=y',
            ),
            parameter,
          )
          .map((pair) => pair.join('&')),
      ),
    },
    'a grant_type that is missing or unknown': {
      reasons: ['grant_type_missing', 'grant_type_unknown'],
      bytes: fc
        .oneof(
          fc.constant(utf8(`\uFEFF${form}`)),
          oneOf(
            '',
            'password',
            'Client_Credentials',
            'client_credentials+',
            '%20client_credentials',
            '__proto__',
          ).map((type) => form.replace('client_credentials', type)),
          oneOf(
            'Grant_Type',
            'grant_type[]',
            '__proto__[grant_type]',
            '+grant_type',
            'grant.type',
            'toString',
          ).map((name) => form.replace('grant_type', name)),
          word.map((type) => form.replace('client_credentials', type)),
          fc.constant(form.replaceAll('&', ';')),
          fc.constant(form.replaceAll('&', '\r\n')),
        )
        .map(withForm),
    },
    'a scope or resource that is none': {
      reasons: [
        'scope_syntax',
        'scope_not_granted',
        'resource_syntax',
        'resource_not_granted',
        'several_resources',
      ],
      bytes: beside(
        fc.oneof(
          oneOf(
            '+read',
            'read+',
            'read++write',
            'read%09write',
            '%22',
            '%5c',
            'r%c3%a9ad',
            'read%0a',
            '*',
            'READ',
          ).map((scope) => `scope=${scope}`),
          oneOf(
            'x',
            '%23',
            'https://x.example%23y',
            'https:',
            '//x',
            'https://x y',
            'urn:%20',
            'https://x.example',
          ).map((resource) => `resource=${resource}`),
          word.map((scope) => `scope=read+x${scope}`),
          word.map((name) => `resource=https://${name}.example&resource=urn:${name}`),
        ),
      ),
    },
    'another content type': {
      reasons: ['content_type', 'charset'],
      bytes: fc.oneof(
        fc
          .oneof(
            oneOf(
              'application/json',
              'text/plain',
              'multipart/form-data; boundary=x',
              '',
              '*/*',
              'application/*',
            ),
            oneOf(
              'application/x-www-form-urlencoded, application/json',
              'application/x-www-form-urlencodedx',
            ),
            oneOf('iso-8859-1', 'utf-16', 'utf-7', '', 'utf8x', "'utf-8'", 'utf-8, x', 'UTF_8').map(
              (charset) => `application/x-www-form-urlencoded; charset=${charset}`,
            ),
            fc.tuple(word, word).map((pair) => pair.join('/')),
          )
          .map((type) => message({ headers: [own, `Content-Type: ${type}`] })),
        fc.constantFrom(
          message({ headers: [own] }),
          message({ headers: [own, FORM, FORM] }),
          message({ headers: [own, FORM, 'Content-Type: application/json'] }),
          message({
            headers: [own, 'Content-Type: application/json'],
            body: JSON.stringify({ grant_type: 'client_credentials', client_id: id, client_secret: secret }),
          }),
          message({
            headers: [own, 'Content-Type: multipart/form-data; boundary=x'],
            body: `--x\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\nclient_credentials\r\n--x--\r\n`,
          }),
        ),
      ),
    },
    'a compressed body': {
      reasons: ['content_encoding', 'invalid_utf8'],
      weight: 0.5,
      bytes: fc
        .tuple(
          oneOf('gzip', 'x-gzip', 'deflate', 'br', 'GZIP', 'gzip, gzip', 'aws-chunked', ''),
          fc.boolean(),
        )
        .map(([coding, honest]) =>
          message({
            headers: [own, FORM, `Content-Encoding: ${coding}`],
            body: honest ? gzipSync(form) : form,
          }),
        ),
    },
    'an Authorization that is no Basic credentials': {
      reasons: [
        'authorization_scheme',
        'basic_base64',
        'basic_without_colon',
        'basic_without_client_id',
        'basic_without_secret',
        'basic_encoding',
      ],
      weight: 2,
      bytes: fc
        .oneof(
          oneOf(
            'Basic',
            'Basic ',
            'Bearer x',
            'Digest username="x"',
            'Basic\t',
            'x',
            '',
            'Negotiate',
            'Basic =',
          ).map((value) => value),
          fc.constantFrom(
            `Basic ${base64(`${id}:${secret}`)} x`,
            `Basic ${base64(`${id}:${secret}`)}=`,
            `Basic "${base64(`${id}:${secret}`)}"`,
            `Basic,${base64(`${id}:${secret}`)}`,
            `Bearer ${secret}`,
            `Basic ${id}:${secret}`,
            `Basic ${base64(`${id}${secret}`)}`,
            `Basic ${base64(`:${secret}`)}`,
            `Basic ${base64(`${id}:`)}`,
            'Basic YTpiYR==',
            'Basic YTpi_-==',
          ),
          fc
            .tuple(fc.oneof(badPercent, badUtf8, control, oneOf('%00', '%0a', '\n', '\x7f')), fc.boolean())
            .map(
              ([bad, first]) => `Basic ${base64(first ? `${bad}${id}:${secret}` : `${id}:${secret}${bad}`)}`,
            ),
          fc
            .uint8Array({ minLength: 1, maxLength: 40 })
            .filter((bytes) => !bytes.includes(58))
            .map((bytes) => `Basic ${Buffer.from(bytes).toString('base64')}`),
        )
        .map(withBasic),
    },
    'credentials in several places': {
      reasons: ['several_credentials', 'client_id_mismatch', 'credentials_missing', 'assertion_unsupported'],
      bytes: fc.constantFrom(
        message({ headers: [own, FORM, authorization(`Basic ${base64(`${id}:${secret}`)}`)] }),
        message({
          headers: [own, FORM, ...Array(2).fill(authorization(`Basic ${base64(`${id}:${secret}`)}`))],
          body: bare,
        }),
        message({ headers: [own, FORM, 'Authorization:'] }),
        message({
          headers: [own, FORM, authorization(`Basic ${base64(`${id}:${secret}`)}`)],
          body: `${bare}&client_id=${id}x`,
        }),
        withForm(`${form}&client_assertion=x`),
        withForm(`${bare}&client_assertion=x`),
        withForm(`${bare}&client_assertion_type=x&client_id=${id}`),
        withForm(`${bare}&client_id=${id}`),
        withForm(`${bare}&client_secret=${secret}`),
        withForm(bare),
      ),
    },
    'a client or secret that nobody has': {
      reasons: ['unknown_client', 'client_id_syntax', 'secret_form', 'secret_syntax', 'secret_damaged'],
      bytes: fc
        .tuple(fc.string({ unit: 'binary', minLength: 1, maxLength: 100 }), fc.boolean())
        .filter(([text]) => !text.includes('\0'))
        .map(([text, asId]) => {
          const value = encodeURIComponent(text)
          return withForm(
            asId
              ? `${bare}&client_id=x${value}&client_secret=${secret}`
              : `${bare}&client_id=${id}&client_secret=${value}`,
          )
        }),
    },
    'parameters in the query (RFC 6749 §2.3.1)': {
      reasons: ['credentials_in_query', 'percent_encoding', 'too_many_parameters', 'nul_character'],
      bytes: fc
        .oneof(
          fc.constantFrom(
            form,
            bare,
            `client_id=${id}`,
            `client_secret=${secret}`,
            'scope=read',
            'resource=x',
          ),
          oneOf(
            'client%5Fsecret=x',
            '%63lient_id',
            'client_assertion=x',
            'client_assertion_type',
            'scope',
            '&&scope&',
          ),
          badPercent.map((bad) => `x=${bad}`),
          fc.constant('%00=x'),
          fc.integer({ min: 50, max: 200 }).map((count) => '&'.repeat(count)),
          fc.tuple(parameter, oneOf('scope=x', 'client_id=x')).map((pair) => pair.join('&')),
        )
        .map((query) => message({ line: `POST ${endpoint}?${query} HTTP/1.1` })),
    },
    'a body of more than 16 KiB': {
      reasons: ['body_too_large'],
      weight: 0.3,
      bytes: fc
        .tuple(fc.integer({ min: MAX_BODY + 1 - form.length, max: 60_000 }), fc.boolean())
        .map(([more, chunked]) => {
          const body = `${form}&x=${'y'.repeat(more)}`
          if (!chunked) return message({ body })
          const pieces = body.match(/.{1,5000}/gs) ?? []
          const printed = pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')
          return frame(['Transfer-Encoding: chunked'], `${printed}0\r\n\r\n`)
        }),
    },
    'a declared body of more than 16 KiB': {
      reasons: ['body_too_large'],
      weight: 0.3,
      bytes: fc
        .maxSafeNat()
        .map((more) =>
          frame([`Content-Length: ${Math.min(MAX_BODY + 1 + more, Number.MAX_SAFE_INTEGER)}`], form),
        ),
    },
    'a request cut short': {
      reasons: ['malformed_message'],
      end: true,
      bytes: fc
        .integer({ min: 1, max: frame([lengthOf(form)], form).length - 1 })
        .map((size) => frame([lengthOf(form)], form).slice(0, size)),
    },
    'chunks cut short': {
      reasons: ['malformed_message'],
      end: true,
      weight: 0.5,
      bytes: fc
        .integer({ min: 1, max: chunks.length - 1 })
        .map((size) => frame(['Transfer-Encoding: chunked'], chunks.slice(0, size))),
    },
    'bytes of any kind': {
      reasons: ['malformed_message'],
      end: true,
      bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    },
    'a request with some bytes changed': {
      reasons: [],
      end: true,
      weight: 3,
      bytes: fc
        .array(fc.tuple(fc.nat({ max: 999 }), fc.nat({ max: 2 }), junk), {
          minLength: 1,
          maxLength: 5,
        })
        .map((changes) => {
          // The secret is wrong: what is changed may be of no consequence.
          const wrong = form.replace(secret, 'x'.repeat(secret.length))
          const whole = frame([lengthOf(wrong), 'X-Other: y', 'Accept: */*'], wrong)
          return changes.reduce((text, [where, remove, insert]) => {
            const at = Math.floor((where * text.length) / 1000)
            return text.slice(0, at) + insert + text.slice(at + remove)
          }, whole)
        }),
    },
  }
}

export function malformedRequests(subject: Subject, count: number, seed: number): readonly Malformed[] {
  const weighted = Object.entries(families(subject)).map(
    ([
      family,
      { bytes, reasons, head = false, end = false, broken = false, weight = broken || end ? 2 : 0.5 },
    ]) => ({
      weight: weight * 10,
      arbitrary: bytes.map((text): Malformed => ({
        family,
        bytes: Buffer.from(latin1(text), 'latin1'),
        reasons,
        head,
        end,
        broken,
      })),
    }),
  )
  return fc.sample(fc.oneof(...weighted), { numRuns: count, seed })
}
