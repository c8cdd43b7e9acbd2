/**
 * `npm run figures -- <which>`: measures what docs/figures.md says, on this machine, and prints it. Fails when a promise
 * is not kept; times are only printed.
 */
import { rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { makeRunFolder } from '../support/noted-secrets.ts'
import { startPostgres } from '../support/postgres.ts'
import { measureEnumeration } from './enumeration.ts'
import { flood } from './flood.ts'
import { measureIssuance, measureRecording } from './issuance.ts'
import { restartUnderLoad } from './restarts.ts'
import { timeStarts } from './starts.ts'

const USAGE = `npm run figures -- restarts  [--restarts 20] [--drain 5] [--connections 4]
npm run figures -- malformed [--count 1000000] [--seed 1]
npm run figures -- starts    [--starts 11]   (after npm run build)
npm run figures -- issuance  [--turns 5] [--tokens 20000] [--connections 64]   (after npm run build)
npm run figures -- enumeration [--each 20000] [--clients 400] [--rate 500]`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    restarts: { type: 'string', default: '20' },
    drain: { type: 'string', default: '5' },
    connections: { type: 'string' },
    turns: { type: 'string', default: '5' },
    tokens: { type: 'string', default: '20000' },
    count: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    starts: { type: 'string', default: '11' },
    each: { type: 'string', default: '20000' },
    clients: { type: 'string', default: '400' },
    rate: { type: 'string', default: '500' },
  },
})

const say = (line: string) => process.stdout.write(`${line}\n`)
const progress = (line: string) => process.stderr.write(`${line}\n`)

/** Each prints its figures, and says whether the promise behind them was kept. */
const FIGURES: Readonly<Record<string, () => Promise<boolean>>> = {
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
    const { attempts, answers, pairs } = await measureEnumeration({
      each: Number(values.each),
      clients: Number(values.clients),
      rate: Number(values.rate),
      onProgress: progress,
    })
    say(`failing attempts ${attempts}; different answers, but for the request's id: ${answers.length}`)
    for (const [answer, times] of answers) say(`  ${times} times ${answer.slice(0, 60)}`)
    for (const { workspace, kinds, auc } of pairs) say(`  ${workspace}  ${kinds}: ${auc.toFixed(4)}`)
    return answers.length === 1 && pairs.every(({ auc }) => Math.abs(auc - 0.5) <= 0.02)
  },

  async issuance() {
    const recording = await measureRecording(2000, 200)
    say(`recording a token: median ${median(recording).toFixed(2)} us of processor time`)
    const costs = await measureIssuance({
      turns: Number(values.turns),
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

function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0
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
