/**
 * `regent demo`: the quickstart's tenants in the configured databases, so that a deployed server can issue a token before
 * anybody has administered it. Shows each secret once. Safe to run twice: what is there stays as it is.
 */
import { Command } from 'commander'
import { readServerConfig } from '../config.ts'
import { keyring } from '../keys/keyring.ts'
import { deriveKeys } from '../sealing/derive.ts'
import { sealing } from '../sealing/seal.ts'
import { createDemo, demoExists, DEMO_REGIONS } from './demo.ts'
import { openPostgresDatabases } from './open-databases.ts'
import { report, say } from './print.ts'
import { requireMasterKeys } from './require-master-keys.ts'
import { OperatorError } from '../storage/operator-error.ts'

export function demoCommand(): Command {
  return new Command('demo')
    .description("the quickstart's tenants in the configured databases; shows their secrets once")
    .option('--json', 'print the clients as JSON')
    .action(demo)
}

async function demo(options: { json?: boolean }): Promise<void> {
  const config = readServerConfig()
  const { masterKeys } = config
  const keys = keyring(sealing(masterKeys))
  if (config.databases.size === 0) {
    throw new OperatorError(
      'DATABASE_URL is not set: the embedded database has its demo by npm run quickstart.',
    )
  }
  const store = await openPostgresDatabases(config, {
    migrate: false,
    warn: report,
    check: (databases) => requireMasterKeys(databases, keys, 'REGENT_MASTER_KEYS'),
  })
  try {
    const made = []
    for (const region of DEMO_REGIONS) {
      const database = store.databases.get(region)
      if (database === undefined) continue
      const { origin, bcryptCost, maxStale } = config
      const needs = {
        region,
        database,
        origin,
        keyring: keys,
        bcryptCost,
        digestKeys: deriveKeys(masterKeys, 'credential digest'),
        maxStale,
        actor: 'regent demo',
      }
      if (await demoExists(needs))
        report(`${region}: the demo is there already, and its secret was shown when it was made`)
      else made.push(await createDemo(needs, undefined))
    }
    if (options.json) say(JSON.stringify(made))
    else
      for (const { issuer, clientId, secret } of made)
        say(`${issuer}\n  client_id=${clientId}\n  client_secret=${secret}`)
  } finally {
    await store.close()
  }
}
