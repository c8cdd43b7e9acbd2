/** What was verified the slow way is known until its credential changes, in each process that was told. */
import { randomBytes } from 'node:crypto'
import type { DigestOwner } from '../../src/clients/digest.ts'
import { verifiedSecrets, type VerifiedSecret } from '../../src/clients/verified-secrets.ts'

const owner = {
  region: 'eu',
  tenantId: 'tenant',
  workspaceId: 'workspace',
  clientId: 'robot',
  credentialId: 'credential',
} as DigestOwner
const HASH = '$2b$04$hash'

describe('verified secrets', () => {
  it('are known for their owner and hash, and no other', () => {
    const verified = verifiedSecrets({ maxEntries: 10 })
    verified.note(owner, HASH, 'right')
    expect(verified.isVerified(owner, HASH, 'right')).toBe(true)
    expect(verified.isVerified(owner, HASH, 'wrong')).toBe(false)
    expect(verified.isVerified(owner, '$2b$04$other', 'right')).toBe(false)
    for (const part of Object.keys(owner))
      expect(verified.isVerified({ ...owner, [part]: 'us' }, HASH, 'right')).toBe(false)
  })

  it('are known to a process that was told, under the key that both have, and to no other', () => {
    const key = randomBytes(32)
    const told: VerifiedSecret[] = []
    const one = verifiedSecrets({ maxEntries: 10, key, onNoted: (secret) => told.push(secret) })
    const other = verifiedSecrets({ maxEntries: 10, key })
    const stranger = verifiedSecrets({ maxEntries: 10 })
    one.note(owner, HASH, 'right')
    expect(other.isVerified(owner, HASH, 'right')).toBe(false)
    for (const secret of told) {
      other.learn(secret)
      stranger.learn(secret)
    }
    expect(other.isVerified(owner, HASH, 'right')).toBe(true)
    expect(other.isVerified(owner, HASH, 'wrong')).toBe(false)
    expect(stranger.isVerified(owner, HASH, 'right')).toBe(false)
    expect(JSON.stringify(told)).not.toContain('right')
  })
})
