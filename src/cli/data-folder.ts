/**
 * What the quickstart keeps in its folder beside the database: the master key and the demo's secrets, each in a file
 * that only its owner can read, written beside its place and moved there whole.
 */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { parseMasterKeys, type MasterKeys } from '../sealing/master-keys.ts'
import { OperatorError } from '../storage/operator-error.ts'

const MASTER_KEYS = 'master-keys'

/**
 * @param needed keys are sealed already: what is missing must be found again, not made anew
 * @returns the keys of the folder, made when it has none
 */
export function openMasterKeys(folder: string, needed: boolean): MasterKeys {
  const path = join(folder, MASTER_KEYS)
  if (!existsSync(path) && needed) {
    throw new OperatorError(
      `The file ${path} is missing, and without the master key in it the signing keys in the database cannot be opened: restore the file, or begin anew in another folder (--data).`,
    )
  }
  if (!existsSync(path)) writePrivateFile(path, `local:${randomBytes(32).toString('base64')}\n`)
  const keys = parseMasterKeys(readPrivateFile(path).trim())
  if (typeof keys === 'string') {
    throw new OperatorError(
      `The file ${path} holds no master keys (${keys}): restore it from where it was saved.`,
    )
  }
  return keys
}

/** Makes the file readable to its owner only, whatever it was before. */
export function readPrivateFile(path: string): string {
  chmodSync(path, 0o600)
  return readFileSync(path, 'utf8')
}

/** The file holds all of `text` or what it held before, also after a power failure. */
export function writePrivateFile(path: string, text: string): void {
  const beside = `${path}.${process.pid}`
  const file = openSync(beside, 'w', 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(beside, path)
}
