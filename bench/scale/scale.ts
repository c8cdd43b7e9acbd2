/**
 * `npm run bench:scale`: what a node does with 10,000 tenants of three workspaces each and a million clients in PostgreSQL.
 * Brings its own PostgreSQL, goes to loopback only, ends by itself. Linux only, since it reads /proc.
 *
 *     npm run bench:scale                  writes docs/performance/scale.json; some forty minutes on two busy cores
 *     npm run bench:scale -- --quick       200 tenants, 20,000 clients, some minutes; writes nothing
 *     npm run bench:scale -- --json        the figures on standard output, nothing else there
 *     npm run bench:scale -- --tenants N --clients N --warm N --cold N --rate N --write
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { TestServer } from '../../test/support/postgres.ts'
import { buildRegent, machine, withPostgres } from '../ground.ts'
import { measureScale, type ScaleSettings } from './measure.ts'
import { startCountingPostgres } from './postgres.ts'
import { scaleTable } from './report.ts'
import { BUILT } from './site.ts'

const FILE = 'docs/performance/scale.json'
const WHOLE: ScaleSettings = {
  tenants: 10_000,
  clients: 1_000_000,
  warm: 100_000,
  cold: 5000,
  starts: 7,
  rate: 1000,
  steadySeconds: 70,
  afterSeconds: 75,
  rounds: 5,
  roundSeconds: 4,
  sweepSeconds: 1000,
}
const QUICK: Partial<ScaleSettings> = {
  tenants: 200,
  clients: 20_000,
  warm: 2000,
  cold: 500,
  starts: 3,
  rate: 500,
  steadySeconds: 15,
  afterSeconds: 20,
  rounds: 3,
  roundSeconds: 1,
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    tenants: { type: 'string' },
    clients: { type: 'string' },
    warm: { type: 'string' },
    cold: { type: 'string' },
    rate: { type: 'string' },
  },
})
const progress = (line: string) => void process.stderr.write(`${new Date().toISOString()} ${line}\n`)

function readSettings(): ScaleSettings {
  const given = Object.entries(values).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  for (const [name, text] of given) {
    if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new Error(`--${name} must be a whole number, as in 1000`)
  }
  const numbers = Object.fromEntries(given.map(([name, text]) => [name, Number(text)]))
  const settings = { ...WHOLE, ...(values.quick && QUICK), ...numbers }
  const { warm, clients, tenants } = settings
  // A node remembers no fewer than 1,000; below, the sweep would be in vain.
  if (warm < 1000 || warm > clients || clients < tenants * 3)
    throw new Error('--warm must be 1,000 or more and at most --clients, which must be 3 a tenant or more')
  return settings
}

async function run(settings: ScaleSettings, postgres: TestServer) {
  const endings = new Set<() => void>()
  // Nodes outlive whoever started them; the PostgreSQL of tests does not.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      for (const end of endings) end()
      process.exit(1)
    })
  }
  const figures = await measureScale(settings, {
    server: postgres.url,
    program: BUILT,
    onProgress: progress,
    onStarted: (killAll) => void endings.add(killAll),
  })
  return {
    machine: machine(),
    versions: { Node: process.version, PostgreSQL: postgres.version },
    ...figures,
  }
}

const settings = readSettings()
buildRegent()
const report = await withPostgres(startCountingPostgres, (postgres) => run(settings, postgres))
const text = `${JSON.stringify(report, undefined, 2)}\n`
process.stdout.write(values.json ? text : `${scaleTable(report)}\n`)
if (values.write || !values.quick) {
  writeFileSync(FILE, text)
  progress(`written: ${FILE}`)
}
