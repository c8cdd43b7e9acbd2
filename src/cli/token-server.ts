/** The token server of a configuration and its open databases, as each process of `regent serve` that answers requests has it. */
import { steadyClock } from '../clock.ts'
import type { ServerConfig } from '../config.ts'
import { keyring } from '../keys/keyring.ts'
import { deriveKeys } from '../sealing/derive.ts'
import { sealing } from '../sealing/seal.ts'
import { assembleServer } from '../server/assemble.ts'
import type { ServerParts, TokenServer } from '../server/server-parts.ts'
import { readCertificate, type CertificateFiles } from '../server/certificate.ts'
import { OperatorError } from '../storage/operator-error.ts'
import type { OpenDatabases } from './open-databases.ts'

export const REMEDY = 'set HOST to an address of this machine and PORT to a port that is free there.'
export const OPS_REMEDY =
  'set REGENT_OPS_HOST to an address of this machine and REGENT_OPS_PORT to a port that is free there.'

type Own = Pick<ServerParts, 'redis' | 'hashThreads' | 'observe' | 'isDraining' | 'relay'>

/** @throws OperatorError when the certificate cannot be used any more */
export function tokenServer(config: ServerConfig, { served }: OpenDatabases, own: Own): TokenServer {
  const { masterKeys, maxStale, memoryEntries } = config
  return assembleServer({
    ...config,
    ...own,
    regions: served,
    keyring: keyring(sealing(masterKeys)),
    masterKeyIds: masterKeys.map(({ id }) => id),
    digestKeys: deriveKeys(masterKeys, 'credential digest'),
    memory: { maxStale, clients: memoryEntries },
    clock: steadyClock(),
    certificate: config.tls && requireCertificate(config.tls),
  })
}

/** It was right when the configuration was read, a moment ago. */
function requireCertificate(files: CertificateFiles) {
  const certificate = readCertificate(files)
  if ('cert' in certificate) return certificate
  throw new OperatorError(`${certificate.join('; ')}.`)
}
