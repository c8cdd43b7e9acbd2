/** What the data path learns about credentials, as rows of one workspace: settings are written elsewhere. */
import type { ClientId, CredentialId, WorkspaceId } from '../ids.ts'
import type { TenantConnection } from '../storage/transaction.ts'

export function credentialFactsStore({ db, tenantId }: TenantConnection, workspaceId: WorkspaceId) {
  return {
    /**
     * @param bcryptHash that the digested secret was compared with: a credential that has another one by now gets no digest
     * @returns whether it was written: not where there is one under this key already
     */
    async updateDigest(
      clientId: ClientId,
      credentialId: CredentialId,
      bcryptHash: string,
      digest: { readonly keyId: string; readonly bytes: Buffer },
    ): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('credential')
        .set({ digest: digest.bytes, digest_key_id: digest.keyId })
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .where('client_id', '=', clientId)
        .where('credential_id', '=', credentialId)
        .where('bcrypt_hash', '=', bcryptHash)
        // Of another node's doing, perhaps.
        .where('digest_key_id', 'is distinct from', digest.keyId)
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },

    /**
     * @param bcryptHash that the secret was compared with, as above
     * @param digest of the same secret; undefined: as it is
     */
    async updateHash(
      clientId: ClientId,
      credentialId: CredentialId,
      bcryptHash: string,
      newHash: string,
      digest: { readonly keyId: string; readonly bytes: Buffer } | undefined,
    ): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('credential')
        .set({
          bcrypt_hash: newHash,
          ...(digest && { digest: digest.bytes, digest_key_id: digest.keyId }),
        })
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .where('client_id', '=', clientId)
        .where('credential_id', '=', credentialId)
        .where('bcrypt_hash', '=', bcryptHash)
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },
  }
}
