/**
 * How a connection to a PostgreSQL server is made, for everything that makes one: where it leads, and whether and how it is
 * encrypted, as `sslmode` of its URL says. pg's own reading of these parameters changes with its next major version, and
 * it would overrule the authorities that are given beside the URL; so they are read here, and pg never sees them.
 */
import { readFileSync } from 'node:fs'
import type { ClientConfig } from 'pg'
import { OperatorError } from './operator-error.ts'

const PARAMETERS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey'] as const

export type Connection = Pick<ClientConfig, 'connectionString' | 'ssl'>

/**
 * @param variable name of the environment variable that the URL came from
 * @param authorities who may vouch for the server, in PEM; `sslrootcert` of the URL comes before it
 */
export function connectionTo(text: string, variable: string, authorities?: string): Connection {
  const url = new URL(text)
  const [mode, rootFile, certificateFile, keyFile] = PARAMETERS.map((name) => {
    const value = url.searchParams.get(name) ?? undefined
    url.searchParams.delete(name)
    return value
  })
  // Else pg would ask PGHOST, and could leave this machine without encryption.
  if (url.hostname === '' && !url.searchParams.has('host')) url.hostname = 'localhost'
  const connectionString = url.href
  if (mode === undefined) return { connectionString }
  if (mode === 'disable') return { connectionString, ssl: false }

  const read = (name: string, file: string | undefined) => readPem(variable, name, file)
  const ca = read('sslrootcert', rootFile) ?? authorities
  const cert = read('sslcert', certificateFile)
  const key = read('sslkey', keyFile)
  return {
    connectionString,
    ssl: {
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      // `verify-ca`: signed by an authority of ours, whatever name it was signed for. `prefer` and `require` check as much
      // as `verify-full`: encryption to somebody unknown keeps nothing secret.
      ...(mode === 'verify-ca' && { checkServerIdentity: () => undefined }),
      ...(mode === 'no-verify' && { rejectUnauthorized: false }),
    },
  }
}

function readPem(variable: string, name: string, file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new OperatorError(
      `${variable}: the file of ${name} cannot be read (${code}): name one that this user can read.`,
      { cause },
    )
  }
}
