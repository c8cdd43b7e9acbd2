/**
 * All migrations in their order. A released one is never edited; docs/guides/add-a-migration.md has the recipe.
 * `breaking`: a server that does not know this migration must not run beside it.
 */
import type { Migration } from 'kysely'
import * as foundation from './0001-foundation.ts'
import * as signingAlgorithms from './0002-signing-algorithms.ts'
import * as memory from './0003-memory.ts'
import * as issuance from './0004-issuance.ts'
import * as masterKeySamples from './0005-master-key-samples.ts'
import * as auditChain from './0006-audit-chain.ts'
import * as administration from './0007-administration.ts'
import * as hashesFromElsewhere from './0008-hashes-from-elsewhere.ts'
import * as removal from './0010-removal.ts'
import * as masterKeyRotation from './0010b-master-key-rotation.ts'
import * as lists from './0012-lists.ts'
import * as importScope from './0013-import-scope.ts'

export type RegentMigration = Migration & { readonly breaking?: true }

export const migrations: Readonly<Record<string, RegentMigration>> = {
  '0001-foundation': foundation,
  '0002-signing-algorithms': signingAlgorithms,
  '0003-memory': memory,
  '0004-issuance': issuance,
  '0005-master-key-samples': masterKeySamples,
  '0006-audit-chain': auditChain,
  '0007-administration': administration,
  '0008-hashes-from-elsewhere': hashesFromElsewhere,
  '0010-removal': removal,
  '0010b-master-key-rotation': masterKeyRotation,
  '0012-lists': lists,
  '0013-import-scope': importScope,
}
