/**
 * `npm run bench`: what a token costs, Regent beside what else there is, in one run on this machine. Brings its own
 * PostgreSQL; goes to loopback only; ends by itself. Linux only, since it reads /proc.
 *
 *     npm run bench                 everybody; writes docs/performance/
 *     npm run bench -- --quick      a two-minute look, writes nothing
 *     npm run bench -- --json       rows and ratios on standard output, nothing else there
 *     npm run bench -- --quick --gate   fails when a token costs more than it may, against raw node:http with a signature
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import type { TestServer } from '../test/support/postgres.ts'
import {
  contestants,
  EXPRESS_DOOR,
  FAST_LANE,
  LOG_OFF,
  NODE_OAUTH,
  OIDC_PROVIDER,
  RAW_SIGNATURE,
  STOCK_EXPRESS,
  TWO_WORKERS,
  type Contestant,
  type Running,
} from './contestants.ts'
import { pin, processTree } from './cpu.ts'
import { buildRegent, machine, postmasterOf, startDurablePostgres, withPostgres } from './ground.ts'
import { startLoader } from './loader.ts'
import { measure, median, SIGNATURE, type Row } from './measure.ts'
import { openPlace } from './place.ts'
import { chart, table, type Report } from './report.ts'
import { signaturesPerSecond, type Signatures } from './signatures.ts'

const FOLDER = 'docs/performance'
/** CPU of a token over that of raw node:http with a signature: beyond this something has become slow. */
const MOST_OVER_RAW = 2
const CONNECTIONS = 64
const RATE = 1000

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    gate: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
  },
})
const progress = (line: string) => void process.stderr.write(`${line}\n`)

async function run(postgres: TestServer): Promise<Report> {
  // The servers on one core, the load and the database on another: they do not push each other away.
  const several = cpus().length > 1
  if (several) for (const pid of processTree(await postmasterOf(postgres.url))) pin(pid, 1)
  const place = await openPlace(['ES256', 'RS256'])
  const { list, stop } = contestants(place)
  const loader = await startLoader(several ? 1 : undefined)
  try {
    const running: (Contestant & { readonly running: Running })[] = []
    for (const contestant of list.filter(({ long }) => !(values.quick && long === true))) {
      const started = await contestant.start()
      if (several && contestant.spread !== true) for (const pid of processTree(started.pid)) pin(pid, 0)
      running.push({ ...contestant, running: started })
      progress(`started: ${contestant.name}`)
    }
    let signatures = await signaturesPerSecond(1)
    const rows = await measure(running, loader, {
      rounds: Number(values.rounds),
      seconds: Number(values.seconds),
      connections: CONNECTIONS,
      rate: RATE,
      openLoopSeconds: 1,
      // Two processes that share a core need twice the time to be compiled.
      warmUpSeconds: values.quick ? 3 : 6,
      signatures: async () => {
        signatures = await signaturesPerSecond(1)
        return signatures.perSecond
      },
      onProgress: progress,
    })
    return {
      machine: machine(),
      versions: versions(postgres.version, signatures),
      rows,
      ratios: ratios(rows),
    }
  } finally {
    loader.stop()
    stop()
    await place.close()
  }
}

function versions(postgres: string, { by }: Signatures): Record<string, string> {
  return {
    Node: process.version,
    PostgreSQL: postgres.replace(/^PostgreSQL /, ''),
    'oidc-provider': installed('oidc-provider'),
    '@node-oauth/oauth2-server': installed('@node-oauth/oauth2-server'),
    Express: installed('express'),
    'P-256 signatures by': by,
  }
}

/** Medians of the ratios of the rounds; only of what was measured. */
function ratios(rows: readonly Row[]): Record<string, number> {
  const cpu = (name: string) => rows.find((row) => row.name === name)?.rounds
  const over = (above: string, below: string) => {
    const [first, second] = [cpu(above), cpu(below)]
    return first && second && median(first.map((value, round) => value / (second[round] ?? Number.NaN)))
  }
  const all = {
    'CPU a token over raw node:http with signature': over(FAST_LANE, RAW_SIGNATURE),
    'tokens per CPU over stock Express': over(STOCK_EXPRESS, FAST_LANE),
    'tokens per CPU over oidc-provider': over(OIDC_PROVIDER, FAST_LANE),
    'tokens per CPU over node-oauth': over(NODE_OAUTH, FAST_LANE),
    'CPU a token, 2 workers over 1': over(TWO_WORKERS, FAST_LANE),
    'CPU of the Express door over stock Express': over(EXPRESS_DOOR, STOCK_EXPRESS),
    'tokens/s/core over P-256 signatures/s/core': over(SIGNATURE, FAST_LANE),
    'CPU a token, issuance log async over off': over(FAST_LANE, LOG_OFF),
  }
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, number] => entry[1] !== undefined),
  )
}

buildRegent()
const report = await withPostgres(startDurablePostgres, run)
if (values.json) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`)
else process.stdout.write(`${table(report)}\n`)
if (!values.quick) {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(`${FOLDER}/bench.json`, `${JSON.stringify(report, undefined, 2)}\n`)
  writeFileSync(`${FOLDER}/tokens.svg`, chart(report))
  progress(`written: ${FOLDER}/bench.json, ${FOLDER}/tokens.svg`)
}
const overRaw = report.ratios['CPU a token over raw node:http with signature'] ?? Number.NaN
if (values.gate && !(overRaw <= MOST_OVER_RAW)) {
  progress(
    `a token costs ${overRaw.toFixed(2)} times what raw node:http with a signature costs; at most ${MOST_OVER_RAW}`,
  )
  process.exitCode = 1
}

function installed(name: string): string {
  return (JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')) as { version: string })
    .version
}
