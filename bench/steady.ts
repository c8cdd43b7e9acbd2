/**
 * `npm run bench:steady`: half of what one core can do, for half an hour, and whether memory or open files grow meanwhile.
 * Brings its own PostgreSQL; goes to loopback only; ends by itself, with 1 when something grew. Linux only (/proc).
 *
 *     npm run bench:steady                   30 minutes
 *     npm run bench:steady -- --minutes 3
 *     npm run bench:steady -- --json
 */
import { readdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { pin, residentBytes } from './cpu.ts'
import { buildRegent, startDurablePostgres, withPostgres } from './ground.ts'
import { startLoader } from './loader.ts'
import { median } from './measure.ts'
import { openPlace } from './place.ts'
import { aligned } from './report.ts'

type Sample = { readonly minutes: number; readonly rssBytes: number; readonly openFiles: number }

const CONNECTIONS = 64
const SLICE_SECONDS = 10
/** What starts up: code is compiled, tables fill. */
const SETTLED = 0.2
/** Of what is resident in the first half of the settled time. */
const MAY_GROW = 1.1
const MAY_OPEN = 2

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, json: { type: 'boolean', default: false } },
})
const progress = (line: string) => void process.stderr.write(`${line}\n`)

async function run() {
  const place = await openPlace(['ES256'])
  const several = cpus().length > 1
  const loader = await startLoader(several ? 1 : undefined)
  try {
    const node = await place.startNode({})
    if (several) pin(node.pid, 0)
    const order = {
      port: node.port,
      requests: place.requests.get('ES256') ?? [],
      connections: CONNECTIONS,
      seconds: SLICE_SECONDS,
    }
    await loader.load({ ...order, seconds: 3 })
    const { answered, seconds } = await loader.load(order)
    const rate = Math.round(answered / seconds / 2)
    progress(`${rate} tokens a second: half of what it can do here`)

    const begun = performance.now()
    const minutes = () => (performance.now() - begun) / 60_000
    const samples: Sample[] = []
    const p99: number[] = []
    let tokens = 0
    while (minutes() < Number(values.minutes)) {
      const slice = await loader.load({ ...order, rate })
      tokens += slice.answered
      p99.push(slice.p99)
      samples.push({
        minutes: minutes(),
        rssBytes: residentBytes([node.pid]),
        openFiles: readdirSync(`/proc/${node.pid}/fd`).length,
      })
      if (samples.length % 6 === 0) progress(`${minutes().toFixed(1)} minutes, ${tokens} tokens`)
    }
    return { rate, tokens, p99Millis: median(p99), samples }
  } finally {
    loader.stop()
    await place.close()
  }
}

const mean = (list: readonly number[]) => list.reduce((sum, value) => sum + value, 0) / list.length

/** By least squares, of what is measured a minute. */
function slope(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const x = mean(samples.map(({ minutes }) => minutes))
  const y = mean(samples.map(of))
  const products = samples.map((sample) => (sample.minutes - x) * (of(sample) - y))
  const squares = samples.map(({ minutes }) => (minutes - x) ** 2)
  return mean(products) / mean(squares)
}

buildRegent()
const result = await withPostgres(startDurablePostgres, run)
const settled = result.samples.slice(Math.floor(result.samples.length * SETTLED))
const half = Math.floor(settled.length / 2)
const [first, second] = [settled.slice(0, half), settled.slice(half)]
const rss = ({ rssBytes }: Sample) => rssBytes
const files = ({ openFiles }: Sample) => openFiles
const report = {
  ...result,
  rssBytesPerMinute: slope(settled, rss),
  openFilesPerMinute: slope(settled, files),
}
if (values.json) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`)
else {
  const tenths = Array.from({ length: 10 }, (_, index) =>
    result.samples.slice((index * result.samples.length) / 10, ((index + 1) * result.samples.length) / 10),
  ).filter((part) => part.length > 0)
  const lines = [
    ['until minute', 'RSS MB', 'open files'],
    ...tenths.map((part) => [
      (part.at(-1)?.minutes ?? 0).toFixed(1),
      (median(part.map(rss)) / 1e6).toFixed(1),
      String(median(part.map(files))),
    ]),
  ]
  process.stdout.write(
    [
      ...aligned(lines),
      '',
      `${result.tokens} tokens at ${result.rate} a second; p99 ${result.p99Millis.toFixed(2)} ms`,
      `a minute, once settled: ${(report.rssBytesPerMinute / 1e3).toFixed(1)} kB, ${report.openFilesPerMinute.toFixed(3)} open files`,
      '',
    ].join('\n'),
  )
}
const grew = [
  median(second.map(rss)) > MAY_GROW * median(first.map(rss)) && 'resident memory',
  median(second.map(files)) > MAY_OPEN + median(first.map(files)) && 'open files',
].filter((what) => what !== false)
if (grew.length > 0) {
  progress(`grew: ${grew.join(', ')}`)
  process.exitCode = 1
}
