/**
 * Master keys: what private keys are sealed under. They never stand in a database; whoever has the database alone
 * has nothing. Several may be known at a time, so that they can be rotated: each opens, and the first that all nodes know seals.
 */
import { createSecretKey, type KeyObject } from 'node:crypto'
import type { Brand } from '../ids.ts'

export type MasterKeyId = Brand<string, 'MasterKeyId'>
export type MasterKey = { readonly id: MasterKeyId; readonly key: KeyObject }
/** Never empty. */
export type MasterKeys = readonly [MasterKey, ...MasterKey[]]

const ID = /^[A-Za-z0-9._-]{1,64}$/
const BYTES = 32

/**
 * @param text `id:base64,...`, each key 256 random bits
 * @returns the keys, or a sentence that says what is wrong with the text and never repeats it
 */
export function parseMasterKeys(text: string): MasterKeys | string {
  const keys: MasterKey[] = []
  for (const [index, part] of text.split(',').entries()) {
    const [id = '', encoded = '', ...rest] = part.trim().split(':')
    const bytes = Buffer.from(encoded, 'base64')
    if (!ID.test(id) || rest.length > 0) return `key ${index + 1} is not of the form id:base64`
    if (bytes.length !== BYTES || bytes.toString('base64') !== encoded) {
      return `key ${index + 1} is not base64 of ${BYTES} bytes (make one with: openssl rand -base64 ${BYTES})`
    }
    if (keys.some((key) => key.id === id)) return `key ${index + 1} has the id of an earlier one`
    keys.push({ id: id as MasterKeyId, key: createSecretKey(bytes) })
  }
  const [first, ...others] = keys
  return first === undefined ? 'no key is given' : [first, ...others]
}
