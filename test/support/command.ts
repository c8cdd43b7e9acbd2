/** Runs the command line as a user does: a process of its own, what it says read as it comes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { noteEnvironment } from './noted-secrets.ts'
import { commandLogs } from './written-logs.ts'

/** Tests and figures are run from the project's folder. */
const root = process.cwd()
/** What the npm scripts run. */
export const CLONE = 'scripts/start.mjs'

type Environment = Readonly<Record<string, string | undefined>>

/** @param program in tests what the run has compiled, elsewhere the clone; `dist/src/main.js` is what is deployed */
export function startCommand(
  args: readonly string[],
  environment: Environment = {},
  cwd = root,
  program = process.env.REGENT_TEST_PROGRAM ?? CLONE,
) {
  const child = spawn(process.execPath, [resolve(root, program), ...args], {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { out: '', err: '' }
  const logs = commandLogs(args)
  noteEnvironment(environment)
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.out += text
    logs.out(text)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.err += text
    logs.err(text)
  })
  const ended = once(child, 'close').then(([code]) => code as number | null)

  return {
    pid: child.pid ?? 0,
    said,
    ended,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    /** Waits until the text was said on standard output; fails when the process ends before. */
    async says(text: string) {
      let over = false
      void ended.then(() => (over = true))
      while (!said.out.includes(text)) {
        if (over) throw new Error(`it ended without saying '${text}':\n${said.out}\n${said.err}`)
        await new Promise((done) => setTimeout(done, 20))
      }
    },
  }
}

export async function runCommand(args: readonly string[], environment: Environment = {}, cwd = root) {
  const { ended, said } = startCommand(args, environment, cwd)
  return { code: await ended, ...said }
}
