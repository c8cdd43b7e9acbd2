/**
 * A server process on a database that is there, for measuring failing attempts: with turns and intervals as in earnest, and
 * without the limit of ten attempts a minute. Says its port, and ends with its standard input.
 */
import { keyring } from '../../src/keys/keyring.ts'
import { steadyClock } from '../../src/clock.ts'
import { parseMasterKeys } from '../../src/sealing/master-keys.ts'
import { deriveKeys } from '../../src/sealing/derive.ts'
import { sealing } from '../../src/sealing/seal.ts'
import { assembleServer } from '../../src/server/assemble.ts'
import { openPostgres } from '../../src/storage/open-postgres.ts'
import { database } from '../../src/storage/transaction.ts'
import { parseOrigin } from '../../src/tenancy/origin.ts'
import { listen, LIMITS, MASTER_KEYS } from '../support/world.ts'

const [url = '', attempts = '1000000000'] = process.argv.slice(2)
const masterKeys = parseMasterKeys(MASTER_KEYS)
const origin = parseOrigin('https://token.example')
if (typeof masterKeys === 'string' || origin === undefined) throw new Error('there is nothing to start')
const pool = await openPostgres({ url, variable: 'DATABASE_URL', connections: 4, connectTimeout: 10_000 })
const server = assembleServer({
  origin,
  regions: new Map([
    [
      'eu',
      {
        database: database(pool, LIMITS, { prepare: true }),
        reads: database(pool, LIMITS, { prepare: true, readOnly: true }),
        connections: 4,
      },
    ],
  ]),
  keyring: keyring(sealing(masterKeys)),
  masterKeyIds: ['test'],
  digestKeys: deriveKeys(masterKeys, 'credential digest'),
  bcryptCost: 4,
  hashThreads: 1,
  attempts: { attempts: Number(attempts) },
  clock: steadyClock(),
  observe: () => {},
  trustedProxies: [],
})
await server.start()
process.stdout.write(`${await listen(server.http)}\n`)
process.stdin.resume().on('end', () => process.exit())
