/** docs/interoperability.md: the words are written here, the cells are what happened. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ALGORITHMS, JWT_TYPES } from '../../src/oauth/signing.ts'
import { CLIENTS } from './clients.ts'
import { NOTES } from './expected-failures.ts'
import { printKind } from './tokens.ts'
import { VERIFIERS } from './verifiers.ts'

const root = resolve(__dirname, '../..')
export const DOCUMENT = 'docs/interoperability.md'

type Row = readonly string[]

const CLIENT_HEAD = [
  'client',
  'version',
  'discovers at',
  '`client_secret_basic`',
  '`client_secret_post`',
  '`scope`',
  '`resource`',
  'the refusal is in',
  '`error.message` is',
]

const INTRODUCTION = `# Clients and verifiers that work with Regent

The suite that runs them writes this page: every cell happened, with tokens and keys fetched over HTTP from a real
server, with the versions named here, and with each library used as its own documentation says. The suite fails when one
begins to work or ceases to.

## What to choose

Nothing, to begin with: a resource server gets tokens signed with ES256 and of type \`at+jwt\` (RFC 9068). Where its
verifier cannot take those, choose for that resource server:

- **RS256** where a gateway or a library knows RSA only;
- **type \`JWT\`** where a verifier refuses every other type and cannot be told which one to expect;
- PS256, ES384 or EdDSA where a policy demands it, after a look at the table: not every library knows PS256 and EdDSA.

Tell a verifier the issuer and the audience, and where it can be told, the type: it keeps other kinds of JWT out
(RFC 8725 §3.11). Give a client the issuer and let it discover the rest; either way of sending the secret will do.`

export function readDocument(): string {
  return readFileSync(join(root, DOCUMENT), 'utf8')
}

export function saveDocument(text: string): void {
  writeFileSync(join(root, DOCUMENT), text)
}

/**
 * @param clientCells by the client's name
 * @param verifierCells by the verifier's name and the printed kind of token
 * @param fetches by the verifier's name: of the JWK set, for three tokens
 */
export function writeDocument(
  clientCells: ReadonlyMap<string, Row>,
  verifierCells: ReadonlyMap<string, string>,
  fetches: ReadonlyMap<string, number>,
): string {
  const clients = CLIENTS.map((client) => [
    client.name,
    client.package === undefined ? 'any' : printVersions([client.package]),
    ...(clientCells.get(client.name) ?? []),
  ])
  const verifiers = VERIFIERS.flatMap(({ name, packages }) =>
    JWT_TYPES.map((typ) => [
      name,
      packages.length === 0 ? 'this one' : printVersions(packages),
      `\`${typ}\``,
      ...ALGORITHMS.map((algorithm) => verifierCells.get(`${name}, ${printKind({ typ, algorithm })}`) ?? ''),
    ]),
  )
  return `${INTRODUCTION}

## Clients

Each asks for a token with the Client Credentials Grant. The last two columns are about a wrong secret: where its error
holds \`invalid_client\` and the description that says what to mend, and whether its message, which is what gets logged,
says so too. A hyphen: its documentation knows no way.

${table([CLIENT_HEAD, ...clients])}

## Verifiers

Each verifies tokens of one issuer whose JWK set holds keys of all five algorithms. "works" means that it takes a token,
and refuses the same with one bit of the signature flipped, one for another audience, and an expired one.

${table([['verifier', 'version', 'type', ...ALGORITHMS], ...verifiers])}

${NOTES.map((note, index) => `${index + 1}. ${note}`).join('\n')}

${printFetches(fetches)}
`
}

function printFetches(fetches: ReadonlyMap<string, number>): string {
  const each = [...fetches].filter(([, count]) => count > 1)
  const names = each.map(([name, count]) => `${name} (${count} times)`).join('; ')
  return `For three tokens, one after the other, the JWK set was fetched once, except by: ${names}.
Where requests are many, put a cache before \`jwks_uri\` for these: they ask Regent once for each request that they serve.`
}

/** The versions that are installed, of packages by the names under which they are. */
function printVersions(packages: readonly string[]): string {
  return packages
    .map((name) => readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'))
    .map((text) => (JSON.parse(text) as { version: string }).version)
    .join(', ')
}

/** As prettier would have it. */
function table(rows: readonly Row[]): string {
  const escaped = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))
  const [head = [], ...body] = escaped
  const widths = head.map((_, column) => Math.max(3, ...escaped.map((row) => row[column]?.length ?? 0)))
  const line = (row: Row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')
}
