/** One `regent serve`: a process of its own on ports that stay the same, started, stopped, killed and started again. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { CLONE } from '../../support/command.ts'
import { freePort } from '../../support/postgres.ts'
import type { Reaper } from './reaper.ts'

export type Node = Awaited<ReturnType<typeof openNode>>

type Settings = {
  readonly name: string
  readonly environment: Readonly<Record<string, string>>
  readonly log: string
  readonly reaper: Reaper
}

const START_DEADLINE_MS = 90_000

/** Not started yet. */
export async function openNode({ name, environment, log, reaper }: Settings) {
  const [port, opsPort] = [await freePort(), await freePort()]
  let child: ChildProcess | undefined
  let meantToEnd = true
  let exits = 0
  const isRunning = () => child !== undefined && child.exitCode === null && child.signalCode === null

  const ended = async () => {
    if (child !== undefined && isRunning()) await once(child, 'exit')
    return child?.exitCode ?? child?.signalCode ?? undefined
  }
  const signal = (which: NodeJS.Signals) => {
    meantToEnd = true
    child?.kill(which)
  }

  return {
    name,
    port,
    opsPort,
    log,
    isRunning,
    /** How often it ended though nobody had asked it to. */
    exits: () => exits,

    /** @returns when it says that it is ready */
    async start() {
      const out = openSync(log, 'a')
      meantToEnd = false
      const started = spawn(process.execPath, [process.env.REGENT_TEST_PROGRAM ?? CLONE, 'serve'], {
        detached: true,
        env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment, ...portsOf(port, opsPort) },
        stdio: ['ignore', out, out],
      })
      child = started
      if (started.pid !== undefined) reaper.process(started.pid)
      started.on('exit', () => {
        if (started.pid !== undefined) reaper.ended(started.pid)
        if (!meantToEnd) exits += 1
      })
      for (const deadline = Date.now() + START_DEADLINE_MS; !(await isReady(opsPort)); await sleep(50)) {
        if (!isRunning()) throw new Error(`${name} did not start: see ${log}`)
        if (Date.now() > deadline)
          throw new Error(`${name} is not ready after ${START_DEADLINE_MS / 1000} s: see ${log}`)
      }
    },

    ended,
    /** Ends it as if by itself. */
    crash: () => child?.kill('SIGKILL'),

    async kill() {
      signal('SIGKILL')
      await ended()
    },

    /** Asks it to stop, twice, as npm and a terminal do. @returns its exit code */
    async stop() {
      signal('SIGTERM')
      signal('SIGTERM')
      return ended()
    },

    /** As a balancer asks. */
    isReady: () => isReady(opsPort),
    /** Whether it says that it is not: a machine that is busy may let the question wait. */
    saysNotReady: async () => (await askReadiness(opsPort)) === false,

    /**
     * When its last whole reading of a region's feed began, by `performance.now()` here: not before the first of these
     * moments, nor after the second one. Undefined where it does not say.
     */
    async feedReadAt(region: string): Promise<readonly [number, number] | undefined> {
      const sentAt = performance.now()
      const response = await fetch(`http://127.0.0.1:${opsPort}/metrics`).catch(() => undefined)
      const text = (await response?.text().catch(() => '')) ?? ''
      const age = new RegExp(`^regent_feed_age_seconds\\{region="${region}"\\} ([\\d.e-]+)$`, 'm').exec(
        text,
      )?.[1]
      return age === undefined
        ? undefined
        : [sentAt - Number(age) * 1000, performance.now() - Number(age) * 1000]
    },
  }
}

function portsOf(port: number, opsPort: number) {
  return { PORT: String(port), REGENT_OPS_PORT: String(opsPort) }
}

const isReady = async (opsPort: number) => (await askReadiness(opsPort)) === true

/** @returns undefined where no answer came */
async function askReadiness(opsPort: number): Promise<boolean | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${opsPort}/readyz`, { signal: AbortSignal.timeout(2000) })
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    return undefined
  }
}
