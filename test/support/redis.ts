/** A redis-server of a test's own, from Debian's package: on a free port, with nothing on disk. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { freePort } from './postgres.ts'

const BINARY = 'redis-server'

export const hasRedis = spawnSync(BINARY, ['--version']).status === 0

/** `describe`, or in the absence of a redis-server a suite that is skipped and says why. */
export const describeWithRedis = (title: string, suite: () => void) =>
  hasRedis ? describe(title, suite) : describe.skip(`${title} [skipped: no redis-server is installed]`, suite)

export async function openRedisServer() {
  const port = await freePort()
  const start = async () => {
    const child = spawn(
      BINARY,
      ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', tmpdir()],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    let said = ''
    for await (const chunk of child.stdout) {
      said += String(chunk)
      if (said.includes('Ready to accept connections')) break
    }
    if (child.exitCode !== null) throw new Error(`${BINARY} did not start: ${said}`)
    return child
  }
  let child = await start()
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    /** It answers nothing, and its connections stay open. */
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    stop,
    /** Empty, on the same port. */
    async restart() {
      await stop()
      child = await start()
    },
  }
}
