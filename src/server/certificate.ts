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

/** @returns a sentence, behind the name of the variable at fault, where the files are no usable pair */
export function readCertificate({ cert, key }: CertificateFiles): Certificate | string {
  let chain: readonly X509Certificate[]
  let text: string
  try {
    text = readFileSync(cert, 'utf8')
    chain = (text.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? []).map(
      (pem) => new X509Certificate(pem),
    )
  } catch (error) {
    return `REGENT_TLS_CERT cannot be read (${reasonOf(error)}): name a file with a certificate in PEM that this user can read`
  }
  const [own] = chain
  if (own === undefined) {
    return 'REGENT_TLS_CERT holds no certificate in PEM: name a file with -----BEGIN CERTIFICATE----- in it, as in /etc/regent/tls.crt'
  }
  try {
    const secret = readFileSync(key, 'utf8')
    if (!own.checkPrivateKey(createPrivateKey(secret))) {
      return 'REGENT_TLS_KEY is not the key of the first certificate of REGENT_TLS_CERT: name files that belong together'
    }
    return { cert: text, key: secret, endsAt: Math.min(...chain.map(({ validTo }) => Date.parse(validTo))) }
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
