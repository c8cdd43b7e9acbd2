/** Certificates for TLS in tests: an authority, and what it signs. npm brings what makes them, so no openssl is needed. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import forge, { type pki as Pki } from 'node-forge'

// CommonJS: only Jest sees its names.
const { md, pki } = forge

export type Certificate = { readonly pem: string; readonly key: string }

const DAY = 86_400_000

export function certificateAuthority(name: string): Certificate & { sign(host: string): Certificate } {
  const own = keys()
  const subject = [{ shortName: 'CN', value: name }]
  const extensions = [
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, critical: true },
  ]
  const pem = certificate(own.publicKey, subject, subject, extensions, own.privateKey)
  return {
    pem,
    key: pki.privateKeyToPem(own.privateKey),
    /** For a server of that name or address. */
    sign(host) {
      const theirs = keys()
      const names = [isIP(host) > 0 ? { type: 7, ip: host } : { type: 2, value: host }]
      return {
        pem: certificate(
          theirs.publicKey,
          [{ shortName: 'CN', value: host }],
          subject,
          [{ name: 'subjectAltName', altNames: names }],
          own.privateKey,
        ),
        key: pki.privateKeyToPem(theirs.privateKey),
      }
    },
  }
}

function certificate(
  publicKey: Pki.rsa.PublicKey,
  subject: Pki.CertificateField[],
  issuer: Pki.CertificateField[],
  extensions: object[],
  signer: Pki.rsa.PrivateKey,
): string {
  const made = pki.createCertificate()
  made.publicKey = publicKey
  made.serialNumber = `01${randomBytes(8).toString('hex')}`
  made.validity.notBefore = new Date(Date.now() - DAY)
  made.validity.notAfter = new Date(Date.now() + DAY)
  made.setSubject(subject)
  made.setIssuer(issuer)
  made.setExtensions(extensions)
  made.sign(signer, md.sha256.create())
  return pki.certificateToPem(made)
}

/** Made by Node, which is faster. */
function keys() {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  })
  return { privateKey: pki.privateKeyFromPem(privateKey), publicKey: pki.publicKeyFromPem(publicKey) }
}
