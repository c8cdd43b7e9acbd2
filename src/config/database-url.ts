/**
 * What a database's URL may say. Beyond this machine it is encrypted, unless the opposite is written out; how the server's
 * certificate is checked is said by `sslmode` alone (`storage/connection.ts` does as it says).
 */
import type { Named } from './variables.ts'

const EXAMPLE = 'as in postgres://regent:secret@db.example.com:5432/regent?sslmode=verify-full'
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]', '::1', ''])
const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify']
/** They would say a second time, and perhaps otherwise, what `sslmode` says. */
const NOT_TAKEN = ['ssl', 'sslnegotiation', 'uselibpqcompat']

export function requireDatabaseUrl({ variable, text }: Named, authorities: boolean, faults: string[]): void {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^postgres(?:ql)?:$/.test(url.protocol)) {
    faults.push(`${variable} must be a PostgreSQL URL, ${EXAMPLE}`)
    return
  }
  // The parameter comes before the host of the URL; a path is a socket of this machine.
  const host = url.searchParams.get('host') ?? url.hostname
  const mode = url.searchParams.get('sslmode')
  if (mode !== null && !SSL_MODES.includes(mode)) {
    faults.push(`${variable}: sslmode must be of ${SSL_MODES.join(', ')}, ${EXAMPLE}`)
  } else if (mode === null && !LOOPBACK.has(host) && !host.startsWith('/')) {
    faults.push(
      `${variable} leads beyond this machine without encryption: add sslmode=verify-full (or write sslmode=disable), ${EXAMPLE}`,
    )
  } else if (mode === 'verify-ca' && !authorities && !url.searchParams.has('sslrootcert')) {
    // With the authorities of the public, any certificate that somebody bought would do.
    faults.push(
      `${variable}: sslmode=verify-ca needs the authorities to trust: set DATABASE_CA_FILE, or write sslmode=verify-full`,
    )
  }
  for (const name of NOT_TAKEN) {
    if (url.searchParams.has(name))
      faults.push(`${variable}: the parameter ${name} is not taken: write sslmode instead, ${EXAMPLE}`)
  }
}
