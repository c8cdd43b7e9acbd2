/**
 * Plain text secrets by client id: what `kcadm.sh get clients --fields clientId,secret` prints, or an object of them. The file has to be
 * its owner's alone. Nothing that this says has a part of a secret in it.
 */
import { OperatorError } from '../../storage/operator-error.ts'
import { isObject } from './kinds.ts'
import { parseExport, requirePrivate, type ExportFile } from './read-file.ts'

/** @throws OperatorError where others can read it, or it is of another shape */
export function readSecrets(file: ExportFile): ReadonlyMap<string, string> {
  requirePrivate(file)
  const value = parseExport(file)
  if (Array.isArray(value)) {
    return new Map(
      value.flatMap((entry: unknown): [string, string][] => {
        if (!isObject(entry) || typeof entry.clientId !== 'string') throw wrongShape(file)
        // A public client has none.
        return typeof entry.secret === 'string' && !isMasked(entry.secret)
          ? [[entry.clientId, entry.secret]]
          : []
      }),
    )
  }
  if (!isObject(value)) throw wrongShape(file)
  return new Map(
    Object.entries(value).map(([id, secret]) => {
      if (typeof secret !== 'string') throw wrongShape(file)
      return [id, secret]
    }),
  )
}

/** As Keycloak's console exports a secret. */
export function isMasked(secret: string): boolean {
  return /^\*+$/.test(secret)
}

function wrongShape({ file }: ExportFile): OperatorError {
  return new OperatorError(
    `${file}: secrets are read from JSON, as [{"clientId": …, "secret": …}] or {"client id": "secret"}.`,
  )
}
