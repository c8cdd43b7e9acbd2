/**
 * The certificate of a node that ends TLS itself: read from two files at start, and again at each SIGHUP, so that whatever
 * renews it needs no restart. A pair that cannot be used is refused, and the one before stays in use.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** Paths of files in PEM: the chain, the node's own certificate first, and its private key. */
export type CertificateFiles = { readonly cert: string; readonly key: string }

export type Certificate = {
  /** PEM. */
  readonly cert: string
  readonly key: string
  /** Milliseconds since 1970: the earliest end of the chain. */
  readonly endsAt: number
}

/** @returns sentences, each behind the name of the variable at fault, where the files are no usable pair */
export function readCertificate(files: CertificateFiles): Certificate | readonly string[] {
  const chain = readChain(files.cert)
  const key = readKey(files.key)
  if (typeof chain === 'string' || typeof key === 'string') {
    return [chain, key].filter((fault) => typeof fault === 'string')
  }
  const [own] = chain.certificates
  if (own?.checkPrivateKey(key.object) !== true) {
    return [
      'REGENT_TLS_KEY is not the key of the first certificate of REGENT_TLS_CERT: name files that belong together',
    ]
  }
  const ends = chain.certificates.map(({ validTo }) => Date.parse(validTo))
  return { cert: chain.pem, key: key.pem, endsAt: Math.min(...ends) }
}

function readChain(file: string) {
  try {
    const pem = readFileSync(file, 'utf8')
    const certificates = (pem.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? []).map(
      (one) => new X509Certificate(one),
    )
    if (certificates.length > 0) return { pem, certificates }
    return 'REGENT_TLS_CERT holds no certificate in PEM: name a file with -----BEGIN CERTIFICATE----- in it, as in /etc/regent/tls.crt'
  } catch (error) {
    return `REGENT_TLS_CERT cannot be read (${reasonOf(error)}): name a file with a certificate in PEM that this user can read`
  }
}

function readKey(file: string) {
  try {
    const pem = readFileSync(file, 'utf8')
    return { pem, object: createPrivateKey(pem) }
  } catch (error) {
    return `REGENT_TLS_KEY cannot be read (${reasonOf(error)}): name a file with a private key in PEM, without a password, that this user can read`
  }
}

/** Never what the file holds. */
function reasonOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'it is not in PEM'
}

/** A caller that broke off, or never began, to speak TLS: there is nobody to answer in HTTP. */
export function isHandshakeFailure({ code = '' }: { code?: string | undefined }): boolean {
  return /^(?:ERR_SSL_|ERR_TLS_|EPROTO)/.test(code)
}
