/** DATABASE_CA_FILE: the certification authorities that may vouch for databases, read once, at start. */
import { X509Certificate } from 'node:crypto'
import { readTextFile } from './variables.ts'

/** @returns the certificates of the file, in PEM */
export function readAuthorities(file: string | undefined, faults: string[]): string | undefined {
  if (file === undefined) return undefined
  const text = readTextFile('DATABASE_CA_FILE', file, faults)
  if (text === undefined) return undefined
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? []
  const broken = certificates.findIndex((certificate) => !isCertificate(certificate))
  if (certificates.length === 0) {
    faults.push(
      'DATABASE_CA_FILE holds no certificate in PEM: name a file with -----BEGIN CERTIFICATE----- in it, as in /etc/regent/database-ca.pem',
    )
  } else if (broken !== -1) {
    faults.push(
      `DATABASE_CA_FILE: certificate ${broken + 1} of ${certificates.length} cannot be read: write the file anew, in PEM`,
    )
  }
  return certificates.join('\n')
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}
