/**
 * A place that serves tokens: a migrated database with the demo's tenants, and as many processes of `regent serve` as are
 * started, each on ports of its own, all behind one public port that is somebody else's to listen on.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { CLONE, runCommand, startCommand } from '../support/command.ts'
import { createDatabase, freePort } from '../support/postgres.ts'

export type DemoClient = { readonly issuer: string; readonly clientId: string; readonly secret: string }
export type Node = Awaited<ReturnType<Site['startNode']>>
export type Site = Awaited<ReturnType<typeof openSite>>

type Options = {
  /** What runs the nodes: the clone's starter, or the built command line. */
  readonly program?: string
  readonly environment?: Readonly<Record<string, string>>
}

export const SITE_MASTER_KEYS = `figures:${Buffer.alloc(32, 9).toString('base64')}`
const START_DEADLINE_MS = 60_000

export async function openSite({
  program = process.env.REGENT_TEST_PROGRAM ?? CLONE,
  environment: more = {},
}: Options = {}) {
  const home = await createDatabase()
  const publicPort = await freePort()
  const origin = `http://localhost:${publicPort}`
  const environment = {
    REGENT_ORIGIN: origin,
    DATABASE_URL: home.url,
    DATABASE_ADMIN_URL: home.adminUrl,
    DATABASE_URL_EU: 'default',
    REGENT_MASTER_KEYS: SITE_MASTER_KEYS,
    REGENT_BCRYPT_COST: '4',
    // What is tried is not how fast a database answers on a busy machine.
    REGENT_DB_TIMEOUT: '10000',
    ...more,
  }
  const must = async (...args: string[]) => {
    const { code, out, err } = await runCommand(args, environment)
    if (code !== 0) throw new Error(`regent ${args.join(' ')}: ${err}`)
    return out
  }
  await must('migrate', 'roles')
  await must('migrate', 'up')
  const [client] = JSON.parse(await must('demo', '--json')) as DemoClient[]
  if (client === undefined) throw new Error('the demo made no client')
  const started = new Set<ReturnType<typeof startCommand>>()

  return {
    client,
    publicPort,
    origin,
    databaseUrl: home.url,
    /** Past all locks: for planting many rows, and for pulling moments nearer. */
    superuserUrl: home.superuserUrl,
    /** @returns what the command says. @throws Error with its complaint */
    run: must,

    /**
     * @param nodeArgs of Node's own
     * @returns when it says that it is ready
     */
    async startNode(own: Readonly<Record<string, string>> = {}, nodeArgs: readonly string[] = []) {
      const [port, opsPort] = [await freePort(), await freePort()]
      const ports = { PORT: String(port), REGENT_OPS_PORT: String(opsPort) }
      const process = startCommand(
        ['serve'],
        { ...environment, ...ports, ...own },
        undefined,
        program,
        nodeArgs,
      )
      started.add(process)
      void process.ended.then(() => started.delete(process))
      for (const deadline = Date.now() + START_DEADLINE_MS; !(await isReady(opsPort)); await sleep(5)) {
        if (!started.has(process) || Date.now() > deadline)
          throw new Error(`a node did not start: ${process.said.err}`)
      }
      return { ...process, port, opsPort }
    },

    async close() {
      for (const process of started) process.kill('SIGKILL')
      await Promise.all([...started].map(({ ended }) => ended))
      await home.drop()
    },
  }
}

/** As a balancer asks. */
export async function isReady(opsPort: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${opsPort}/readyz`, { signal: AbortSignal.timeout(1000) })
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    return false
  }
}
