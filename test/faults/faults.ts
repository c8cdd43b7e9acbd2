/**
 * `npm run faults`: breaks what a token service stands on, one piece after the other, while tokens are asked for, checks
 * every token, and prints what came of it. Fails on wrong tokens, wrong answers and counted events; on times with --strict.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildProgram } from '../support/built-program.ts'
import { runFault, type BenchSettings } from './bench.ts'
import type { Fault } from './fault.ts'
import { faults } from './faults/index.ts'
import { printReport, report } from './report.ts'
import { runRounds } from './rounds.ts'
import { openStage, type Stage } from './stage.ts'

const USAGE = `npm run faults -- [--quick] [--json] [--strict] [--fault NAME]... [--tokens N] [--faults N] [--minutes N]
  [--hold SECONDS] [--repeat N] [--many N] [--trials N] [--tenants N] [--clients N]
  [--rate N] [--connections N] [--list]
docs/guides/faults.md explains each.
`

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
    fault: { type: 'string', multiple: true },
    tokens: { type: 'string' },
    faults: { type: 'string' },
    minutes: { type: 'string' },
    hold: { type: 'string' },
    repeat: { type: 'string' },
    many: { type: 'string' },
    trials: { type: 'string' },
    tenants: { type: 'string' },
    clients: { type: 'string' },
    rate: { type: 'string' },
    connections: { type: 'string' },
  },
})

const say = (text: string) => process.stdout.write(text)
const progress = (line: string) => process.stderr.write(`${line}\n`)
const number = (text: string | undefined, otherwise: number) => {
  const value = text === undefined ? otherwise : Number(text)
  if (!(Number.isFinite(value) && value >= 0)) throw new Error(`not a number: ${text}`)
  return value
}

const { quick } = values
const tokens = number(values.tokens, 0)
const aim = {
  tokens,
  injected: number(values.faults, tokens > 0 ? 100 : 0),
  minutes: number(values.minutes, quick ? 20 : 240),
}
const settings: BenchSettings = {
  holdSeconds: number(values.hold, quick ? 2 : 15),
  repeat: number(values.repeat, quick ? 1 : 3),
  many: number(values.many, quick ? 100 : 1000),
  trials: number(values.trials, quick ? 4 : 60),
  strict: values.strict,
}

function chosen(): readonly Fault[] {
  const { fault: names } = values
  if (names !== undefined) {
    return names.map((name) => {
      const found = faults.find((fault) => fault.name === name)
      if (found === undefined) throw new Error(`there is no fault ${name}: --list names them`)
      return found
    })
  }
  return quick
    ? faults.filter(({ kind }, index) => faults.findIndex((one) => one.kind === kind) === index)
    : faults
}

async function run(stage: Stage): Promise<boolean> {
  const startedAt = performance.now()
  const { results, faults: lacks } = await runRounds({
    faults: chosen(),
    aim,
    tokens: stage.load.distinctTokens,
    async runOne(fault) {
      progress(fault.name)
      const result = await runFault(stage, fault, settings)
      for (const line of result.faults) progress(`  NOT OK ${line}`)
      progress(`  ${result.seconds} s; ${stage.load.distinctTokens()} tokens since the beginning`)
      return result
    },
  })
  const { wrong } = await stage.load.takeTally()
  const last = Object.entries(wrong).map(
    ([reason, count]) => `wrong tokens after the last fault: ${count} (${reason})`,
  )
  const seconds = Math.round((performance.now() - startedAt) / 1000)
  const outcome = report(results, stage.load.distinctTokens(), seconds, [...last, ...lacks])
  say(values.json ? `${JSON.stringify(outcome, undefined, 2)}\n` : printReport(outcome))
  return outcome.faults.length === 0
}

if (values.help) say(USAGE)
else if (values.list) for (const { name, threat, kind } of faults) say(`${name}  (${threat}, ${kind})\n`)
else {
  chosen()
  // The reaper, a process of its own, ends everything as soon as this one is gone: nothing is to be done here.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
  const built = mkdtempSync(join(tmpdir(), 'regent-faults-'))
  process.on('exit', () => rmSync(built, { recursive: true, force: true }))
  process.env.REGENT_TEST_PROGRAM = await buildProgram(built)
  const stage = await openStage({
    nodes: 3,
    tenants: number(values.tenants, quick ? 10 : 25),
    workspaces: 4,
    clients: number(values.clients, 1),
    connections: number(values.connections, 3),
    rate: number(values.rate, tokens > 0 ? 0 : 300),
    onProgress: progress,
  })
  let isRight = false
  try {
    isRight = await run(stage)
  } finally {
    await stage.close()
  }
  process.exit(isRight ? 0 : 1)
}
