/**
 * `npm run figures -- <which>`: measures what docs/figures.md says, on this machine, and prints it. Fails when a promise
 * is not kept; times are only printed.
 */
import { rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { makeRunFolder } from '../support/noted-secrets.ts'
import { startPostgres } from '../support/postgres.ts'
import { ADMINISTERING_USAGE, administeringFigures } from './administering/administering.ts'
import { measureApply } from './apply.ts'
import { measureEnumeration } from './enumeration.ts'
import { flood } from './flood.ts'
import { restartWithImported } from './imported-restart.ts'
import { modelFigure } from './model.ts'
import { measureIssuance, measureRecording } from './issuance.ts'
import { measureObserving } from './observing.ts'
import { restartUnderLoad } from './restarts.ts'
import { timeStarts } from './starts.ts'
import { floodWithWrongSecrets } from './wrong-secrets.ts'

const USAGE = `npm run figures -- restarts  [--restarts 20] [--drain 5] [--connections 4]
npm run figures -- malformed [--count 1000000] [--seed 1]
npm run figures -- starts    [--starts 11]   (after npm run build)
npm run figures -- enumeration [--each 20000] [--clients 100] [--lanes 20] [--rest 10] [--minutes 60]
npm run figures -- wrong-secrets [--seconds 120] [--rate 1000] [--cold 2] [--tenants 1] [--cost 10]
npm run figures -- imported-restart [--clients 2000] [--weak 200] [--cost 10]
  both: [--patience 1000], milliseconds of REGENT_DB_TIMEOUT
npm run figures -- model     [--operations 1000000] [--seed 1] [--minutes 600]
npm run figures -- observing
npm run figures -- apply     [--clients 10000]   (after npm run build)
npm run figures -- issuance  [--turns 5] [--tokens 20000] [--connections 64]   (after npm run build)
${ADMINISTERING_USAGE}`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    restarts: { type: 'string', default: '20' },
    drain: { type: 'string', default: '5' },
    connections: { type: 'string' },
    turns: { type: 'string' },
    tokens: { type: 'string', default: '20000' },
    count: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    starts: { type: 'string', default: '11' },
    each: { type: 'string', default: '20000' },
    clients: { type: 'string' },
    lanes: { type: 'string' },
    rest: { type: 'string', default: '10' },
    minutes: { type: 'string' },
    weak: { type: 'string', default: '200' },
    rate: { type: 'string' },
    seconds: { type: 'string', default: '120' },
    cold: { type: 'string', default: '2' },
    tenants: { type: 'string', default: '1' },
    cost: { type: 'string', default: '10' },
    patience: { type: 'string', default: '1000' },
    operations: { type: 'string', default: '1000000' },
    edits: { type: 'string', default: '1000' },
    nodes: { type: 'string', default: '3' },
    kills: { type: 'string', default: '200' },
    rotations: { type: 'string', default: '1000' },
    workspaces: { type: 'string', default: '200' },
  },
})

const say = (line: string) => process.stdout.write(`${line}\n`)
const progress = (line: string) => process.stderr.write(`${line}\n`)

/** Each prints its figures, and says whether the promise behind them was kept. */
const FIGURES: Readonly<Record<string, () => Promise<boolean>>> = {
  ...administeringFigures(values, say, progress),

  async restarts() {
    const restarts = Number(values.restarts)
    const { requests, failed, failures, exits } = await restartUnderLoad({
      restarts,
      drain: Number(values.drain),
      connections: Number(values.connections ?? 4),
      onRestart: (count) => progress(`restart ${count}`),
    })
    say(`restarts ${restarts}, requests ${requests}, failed ${failed}`)
    for (const [failure, count] of Object.entries(failures)) say(`  ${count} times: ${failure}`)
    return failed === 0 && requests > 0 && exits.every((exit) => exit === 0)
  },

  async malformed() {
    const count = Number(values.count)
    const { sent, answers, wrong, resident, seconds, exit } = await flood({
      count,
      seed: Number(values.seed),
      onBatch: (done) => progress(`${done} sent`),
    })
    say(`malformed requests ${sent}, in ${Math.round(seconds)} s, exit code ${exit}`)
    for (const [status, times] of Object.entries(answers)) say(`  ${status}: ${times}`)
    const quarters = quartersOf(resident)
    say(`resident memory by quarter (median, MB): ${quarters.map(megabytes).join(', ')}`)
    say(`  highest ${megabytes(Math.max(...resident))}`)
    for (const line of wrong) say(`  WRONG ${line}`)
    const [, second = 0, , last = 0] = quarters
    // The first quarter warms up; afterwards nothing may be kept of what was refused.
    return wrong.length === 0 && exit === 0 && last <= second * 1.1
  },

  async enumeration() {
    const { attempts, answers, medians, pairs, controls } = await measureEnumeration({
      each: Number(values.each),
      clients: Number(values.clients ?? 100),
      lanes: Number(values.lanes ?? 20),
      rest: Number(values.rest),
      minutes: Number(values.minutes ?? 60),
      onProgress: progress,
    })
    say(`failing attempts ${attempts}; different answers ${answers.length}, one for each workspace is right`)
    for (const { answer, ways } of answers) say(`  ${answer.slice(0, 12)} ${JSON.stringify(ways)}`)
    for (const { workspace, kind, median: middle } of medians)
      say(`  ${workspace}, ${kind}: median ${middle.toFixed(3)} ms`)
    for (const { workspace, kinds, area, error, distance, chance } of [...pairs, ...controls])
      say(
        `  ${workspace}, ${kinds}: area ${area.toFixed(4)}, ${((area - 0.5) / error).toFixed(1)} errors of ` +
          `${error.toFixed(4)}; distance ${distance.toFixed(4)}, by chance up to ${chance.toFixed(4)}`,
      )
    const isAlike = [...pairs, ...controls].every(({ area }) => Math.abs(area - 0.5) <= 0.02)
    const isRefused =
      answers.length === 2 && answers.every(({ answer }) => answer.startsWith('HTTP/1.1 401 '))
    return isRefused && isAlike && attempts === 8 * Number(values.each)
  },

  async 'wrong-secrets'() {
    const seconds = Number(values.seconds)
    const outcome = await floodWithWrongSecrets({
      seconds,
      rate: Number(values.rate ?? 1000),
      cold: Number(values.cold),
      tenants: Number(values.tenants),
      each: 10,
      bcryptCost: Number(values.cost),
      databaseTimeout: Number(values.patience),
      onProgress: progress,
    })
    const { sent, flood: answers, known, cold, times, refusals, resident, exit } = outcome
    say(`wrong secrets ${sent}, ${Math.round(sent / seconds)} a second, exit code ${exit}`)
    sayCounts(answers)
    say('as the node counted them')
    sayCounts(refusals)
    for (const [kind, counts] of Object.entries(known)) {
      say(`known clients of the ${kind}`)
      sayCounts(counts)
    }
    say(
      `  they waited: median ${Math.round(median(times))} ms, 99 of 100 below ${Math.round(quantile(times, 0.99))} ms`,
    )
    for (const [of, counts] of Object.entries(cold)) {
      say(`imported clients of ${of}, asking for the first time`)
      sayCounts(counts)
    }
    const quarters = quartersOf(resident)
    const [before = 0] = resident
    say(`resident memory: before ${megabytes(before)} MB`)
    say(`  by quarter (median, MB): ${quarters.map(megabytes).join(', ')}`)
    say(`  highest ${megabytes(Math.max(...resident))}`)
    const [, second = 0, , last = 0] = quarters
    const served = [...Object.values(known), ...Object.values(cold)].every((counts) =>
      isOnly(counts, /^200$/),
    )
    return served && isOnly(answers, /^4/) && exit === 0 && last <= second * 1.1
  },

  async 'imported-restart'() {
    const rounds = await restartWithImported({
      clients: Number(values.clients ?? 2000),
      weak: Number(values.weak),
      bcryptCost: Number(values.cost),
      databaseTimeout: Number(values.patience),
      onProgress: progress,
    })
    for (const { name, answers } of rounds) {
      say(name)
      sayCounts(answers)
    }
    return rounds.every(({ answers, mayBeTold }) => isOnly(answers, mayBeTold ? /^(200|429)$/ : /^200$/))
  },

  model: () =>
    modelFigure(
      {
        operations: Number(values.operations),
        seed: Number(values.seed),
        seconds: Number(values.minutes ?? 600) * 60,
      },
      say,
      progress,
    ),

  async issuance() {
    const recording = await measureRecording(2000, 200)
    say(`recording a token: median ${median(recording).toFixed(2)} us of processor time`)
    const costs = await measureIssuance({
      turns: Number(values.turns ?? 5),
      tokens: Number(values.tokens),
      connections: Number(values.connections ?? 64),
      program: 'dist/src/main.js',
      onTurn: progress,
    })
    const total = costs.map(({ server, postgres }) => median(server) + median(postgres))
    for (const [index, { mode, server, postgres, rowsACommit }] of costs.entries()) {
      const shared = rowsACommit.length > 0 ? `, ${median(rowsACommit).toFixed(1)} rows a commit` : ''
      const ratio = ((total[index] ?? 0) / (total[0] ?? 0)).toFixed(2)
      say(
        `${mode}: server ${median(server).toFixed(0)} us and PostgreSQL ${median(postgres).toFixed(0)} us a token, ${ratio} of off${shared}`,
      )
    }
    const durable = costs.find(({ mode }) => mode === 'durable')
    return median(recording) <= 3 && median(durable?.rowsACommit ?? []) >= 32
  },

  async apply() {
    const clients = Number(values.clients ?? 10_000)
    const { figures, same } = await measureApply(clients, 'dist/src/main.js')
    for (const { what, seconds, command, server, waits, ended } of figures) {
      say(
        `${what}: ${seconds.toFixed(1)} s; command ${megabytes(command)} MB, server ${megabytes(server)} MB`,
      )
      const most = Math.round(Math.max(...waits))
      say(`  ${waits.length} tokens meanwhile: median ${median(waits).toFixed(1)} ms, most ${most} ms`)
      say(`  ${ended}`)
    }
    say(`a file of ${clients} clients, both exports the same bytes: ${same}`)
    const isKept = ({ what, seconds, command, server }: (typeof figures)[number]) =>
      seconds < (what.endsWith('again') ? 10 : 60) && Math.max(command, server) < 300e6
    return same && figures.every(isKept)
  },

  async observing() {
    const { issued, all } = await measureObserving(1_000_000, 5)
    say(`observing a token issued: median ${median(issued).toFixed(2)} us of processor time`)
    say(`  and that it was answered, and a turn of its own: median ${median(all).toFixed(2)} us`)
    return median(all) <= 3
  },

  async starts() {
    for (const program of ['dist/src/main.js', 'scripts/start.mjs']) {
      const times = await timeStarts(program, Number(values.starts))
      const list = times.map(Math.round).join(' ')
      say(
        `node ${program} serve: median ${Math.round(median(times))} ms, most ${Math.round(Math.max(...times))} ms`,
      )
      say(`  ${list}`)
    }
    return true
  },
}

function sayCounts(counts: Readonly<Record<string, number>>): void {
  for (const [what, count] of Object.entries(counts)) say(`  ${what}: ${count}`)
}

/** Whether there are counts, all of what is meant. */
function isOnly(counts: Readonly<Record<string, number>>, meant: RegExp): boolean {
  const keys = Object.keys(counts)
  return keys.length > 0 && keys.every((key) => meant.test(key))
}

const median = (list: readonly number[]) => quantile(list, 0.5)

function quantile(list: readonly number[], part: number): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length * part)] ?? 0
}

function quartersOf(list: readonly number[]): readonly number[] {
  const size = list.length / 4
  return [0, 1, 2, 3].map((index) =>
    median(list.slice(Math.floor(index * size), Math.ceil((index + 1) * size))),
  )
}

const megabytes = (bytes: number) => Math.round(bytes / 1e6)

const measure = FIGURES[positionals[0] ?? '']
if (measure === undefined) {
  say(USAGE)
  process.exitCode = 1
} else {
  const postgres = await startPostgres()
  process.env.REGENT_TEST_POSTGRES = postgres.url
  process.env.REGENT_TEST_RUN = makeRunFolder()
  try {
    say(`Node ${process.version}, PostgreSQL ${postgres.version}, ${cpus().length} × ${cpus()[0]?.model}`)
    if (!(await measure())) process.exitCode = 1
  } finally {
    rmSync(process.env.REGENT_TEST_RUN, { recursive: true })
    await postgres.stop()
  }
}
