/** Keys for one purpose, derived from master keys (HKDF with SHA-256, RFC 5869): one does not tell of another. */
import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import type { MasterKeyId, MasterKeys } from './master-keys.ts'

export type DerivedKey = { readonly id: MasterKeyId; readonly key: KeyObject }
export type DerivedKeys = readonly [DerivedKey, ...DerivedKey[]]

export type Purpose = 'credential digest'

/** One for each master key, in their order, with its id. */
export function deriveKeys([first, ...others]: MasterKeys, purpose: Purpose): DerivedKeys {
  const derive = ({ id, key }: MasterKeys[0]): DerivedKey => {
    const bytes = Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), `regent ${purpose}`, 32))
    const derived = { id, key: createSecretKey(bytes) }
    bytes.fill(0)
    return derived
  }
  return [derive(first), ...others.map(derive)]
}
