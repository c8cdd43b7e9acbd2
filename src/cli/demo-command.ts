/**
 * `regent demo`: the quickstart's tenants in the configured databases, so that a deployed server can issue a token before
 * anybody has administered it. Shows each secret once. Safe to run twice: what is there stays as it is.
 */
import { Command } from 'commander'
import { createDemo, demoExists, DEMO_REGIONS } from './demo.ts'
import { report, say } from './print.ts'
import { withRegions } from './with-regions.ts'

export function demoCommand(): Command {
  return new Command('demo').option('--json', 'print the clients as JSON').action(demo)
}

async function demo(options: { json?: boolean }): Promise<void> {
  const remedy = 'the embedded database has its demo by npm run quickstart.'
  await withRegions('regent demo', remedy, async (regions) => {
    const made = []
    for (const region of DEMO_REGIONS) {
      const needs = regions.get(region)
      if (needs === undefined) continue
      if (await demoExists(needs))
        report(`${region}: the demo is there already, and its secret was shown when it was made`)
      else made.push(await createDemo(needs, undefined))
    }
    if (options.json) say(JSON.stringify(made))
    else
      for (const { issuer, clientId, secret } of made)
        say(`${issuer}\n  client_id=${clientId}\n  client_secret=${secret}`)
  })
}
