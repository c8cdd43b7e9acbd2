/** What commands for production share: no start without master keys, and how stale memory may be. */
import type { Config } from '../config.ts'
import type { MasterKeys } from '../sealing/master-keys.ts'
import { OperatorError } from '../storage/operator-error.ts'

/** Seconds that a node may serve from memory without having read changes; the lead of keys reckons with it. */
export const MAX_STALE = 3600

export function requireKeys({ masterKeys }: Config): MasterKeys {
  if (masterKeys !== undefined) return masterKeys
  throw new OperatorError(
    'REGENT_MASTER_KEYS is not set, and without a master key no signing key can be sealed or opened: make one with  echo "$(date +%Y-%m):$(openssl rand -base64 32)"  and keep it where the database is not.',
  )
}
