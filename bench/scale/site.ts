/**
 * Where scale is measured: two migrated databases on one PostgreSQL, one with a whole population and one with nobody, and
 * processes of `regent serve` on either. Their log goes nowhere: it says how many tokens there were, and nobody reads it.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { isReady } from '../../test/figures/site.ts'
import { runCommand } from '../../test/support/command.ts'
import { createDatabase, freePort, type TestDatabase } from '../../test/support/postgres.ts'
import { printOrigin } from '../../src/tenancy/origin.ts'
import { MASTER_KEYS, plant } from './plant.ts'
import { ORIGIN, type Population } from './population.ts'

export type Site = Awaited<ReturnType<typeof openSite>>
export type Node = Awaited<ReturnType<Site['startNode']>>

type Which = 'empty' | 'full'
type Options = {
  readonly who: Population
  /** The URL of a superuser. */
  readonly server: string
  /** What Node runs: the built program. */
  readonly program: string
  readonly onProgress: (line: string) => void
  /** Told how to end all nodes at once, from whatever handles a signal. */
  readonly onStarted: (killAll: () => void) => void
}

export const BUILT = 'dist/src/main.js'
const START_DEADLINE_MS = 60_000

export async function openSite({ who, server, program, onProgress, onStarted }: Options) {
  const homes = { empty: await createDatabase(server), full: await createDatabase(server) }
  const started = new Set<ChildProcess>()
  const killAll = () => {
    for (const child of started) child.kill('SIGKILL')
  }
  onStarted(killAll)
  const close = async () => {
    killAll()
    await Promise.all([...started].map((child) => ended(child)))
    for (const home of Object.values(homes)) await home.drop()
  }
  try {
    for (const home of Object.values(homes)) await migrate(home)
    const begun = performance.now()
    await plant(homes.full.superuserUrl, who, onProgress)
    onProgress(`planted in ${Math.round((performance.now() - begun) / 1000)} s`)
  } catch (error) {
    await close()
    throw error
  }

  return {
    databases: homes,
    close,

    /** @returns when it says that it is ready: asked every 5 ms */
    async startNode(which: Which, more: Readonly<Record<string, string>> = {}) {
      const [port, opsPort] = [Number(more.PORT ?? (await freePort())), await freePort()]
      const begun = performance.now()
      const child = spawn(process.execPath, [program, 'serve'], {
        env: {
          PATH: process.env.PATH,
          ...environment(homes[which]),
          PORT: String(port),
          REGENT_OPS_PORT: String(opsPort),
          ...more,
        },
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      started.add(child)
      void once(child, 'exit').then(() => started.delete(child))
      let said = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4000)))
      for (const deadline = Date.now() + START_DEADLINE_MS; !(await isReady(opsPort)); await sleep(5)) {
        if (!started.has(child) || Date.now() > deadline) throw new Error(`a node did not start: ${said}`)
      }
      return {
        pid: child.pid ?? 0,
        port,
        opsPort,
        startMillis: performance.now() - begun,
        /** Collects its garbage when it was started with this in its environment. */
        collectGarbage: () => void child.kill('SIGUSR2'),
        async stop(signal: NodeJS.Signals = 'SIGTERM') {
          child.kill(signal)
          await ended(child)
        },
      }
    },
  }
}

/** @returns what makes a node remember so many clients; it remembers no fewer than 1,000 */
export function remembering(clients: number): Readonly<Record<string, string>> {
  return { REGENT_MEMORY_ENTRIES: String(Math.max(1000, clients)) }
}

/** What lets a node collect its garbage when it is told to. */
export const COLLECTING = { NODE_OPTIONS: `--import=${resolve('bench/scale/collect-garbage.mjs')}` }

function environment({ url, adminUrl }: TestDatabase): Readonly<Record<string, string>> {
  return {
    REGENT_ORIGIN: printOrigin(ORIGIN),
    DATABASE_URL: url,
    DATABASE_ADMIN_URL: adminUrl,
    REGENT_MASTER_KEYS: MASTER_KEYS,
    REGENT_DRAIN: '0',
  }
}

async function migrate(home: TestDatabase): Promise<void> {
  for (const command of ['roles', 'up']) {
    const { code, err } = await runCommand(['migrate', command], environment(home))
    if (code !== 0) throw new Error(`regent migrate ${command}: ${err}`)
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}
