/** REGENT_TLS_CERT and REGENT_TLS_KEY: both, where the node ends TLS itself. They name files, which are read again at SIGHUP. */
import { readCertificate, type CertificateFiles } from '../server/certificate.ts'
import type { Origin } from '../tenancy/origin.ts'
import type { Variables } from './variables.ts'

/** @returns undefined where a proxy ends TLS */
export function readTls(
  given: Variables,
  { scheme }: Origin,
  faults: string[],
): CertificateFiles | undefined {
  const [cert, key] = [given('REGENT_TLS_CERT') || undefined, given('REGENT_TLS_KEY') || undefined]
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined) {
    const [missing, there] =
      cert === undefined ? ['REGENT_TLS_CERT', 'REGENT_TLS_KEY'] : ['REGENT_TLS_KEY', 'REGENT_TLS_CERT']
    faults.push(`${missing} is not set and ${there} is: set both, or neither where a proxy ends TLS`)
    return undefined
  }
  if (scheme !== 'https') {
    faults.push(
      'REGENT_ORIGIN must begin with https:// where REGENT_TLS_CERT is set, as in https://authz.example.com',
    )
  }
  const read = readCertificate({ cert, key })
  if (!('cert' in read)) faults.push(...read)
  return { cert, key }
}
