/** What commands for production share: no start without master keys. */
import type { Config } from '../config.ts'
import type { MasterKeys } from '../sealing/master-keys.ts'
import { OperatorError } from '../storage/operator-error.ts'

export function requireKeys({ masterKeys }: Config): MasterKeys {
  if (masterKeys !== undefined) return masterKeys
  throw new OperatorError(
    'REGENT_MASTER_KEYS is not set, and without a master key no signing key can be sealed or opened: make one with  echo "$(date +%Y-%m):$(openssl rand -base64 32)"  and keep it where the database is not.',
  )
}
