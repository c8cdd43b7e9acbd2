/**
 * A machine to deploy on: a PostgreSQL of its own, since logins and roles belong to a cluster, that asks for passwords;
 * and Regent's commands with an environment that was written for another host.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { askAt, type Asking } from '../support/ask.ts'
import { runCommand, startCommand } from '../support/command.ts'
import { freePort, startPostgres } from '../support/postgres.ts'
import type { Environment } from './files.ts'

export type DemoClient = { issuer: string; clientId: string; secret: string }

/** The superuser's password is that of docker-compose.yml. */
/** @param distribution of PostgreSQL: the npm package that brings it */
export async function startMachine(distribution?: string) {
  const server = await startPostgres(distribution === undefined ? {} : { distribution })
  const folder = mkdtempSync(join(tmpdir(), 'regent-deploy-'))
  const superuser = new URL(server.url)
  const query = async (database: string, statements: readonly string[]) => {
    const url = new URL(superuser)
    url.pathname = `/${database}`
    const client = new Client({ connectionString: url.href })
    await client.connect()
    try {
      let rows: Record<string, unknown>[] = []
      // One at a time: a database cannot be made among other statements.
      for (const statement of statements) rows = (await client.query<Record<string, unknown>>(statement)).rows
      return rows
    } finally {
      await client.end()
    }
  }

  const serving: ReturnType<typeof startCommand>[] = []

  const [row] = await query('postgres', [`alter role postgres password 'regent'`, 'show hba_file'])
  writeFileSync(String(row?.hba_file), 'host all all 127.0.0.1/32 scram-sha-256\n')
  await query('postgres', ['select pg_reload_conf()'])
  superuser.password = 'wrong'
  while (await query('postgres', ['select']).catch(() => undefined)) await sleep(20)
  superuser.password = 'regent'

  const machine = {
    /** As the superuser. */
    query,

    /** Writes a file of this machine. */
    write(name: string, text: string): string {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    },

    folder,

    /** The server of a URL is this one, which does not encrypt. */
    localUrl(text: string): string {
      if (!text.startsWith('postgres:')) return text
      const url = new URL(text)
      url.hostname = superuser.hostname
      url.port = superuser.port
      url.searchParams.set('sslmode', 'disable')
      return url.href
    },

    localEnvironment(
      environment: Environment,
      files: (path: string) => string = (path) => path,
    ): Environment {
      return Object.fromEntries(
        Object.entries(environment).map(([name, value]) => [
          name,
          name.endsWith('_FILE') ? files(value) : machine.localUrl(value),
        ]),
      )
    },

    async run(args: readonly string[], environment: Environment) {
      const result = await runCommand(args, { REGENT_BCRYPT_COST: '4', ...environment })
      return { ...result, failed: result.code === 0 ? undefined : result.err }
    },

    /** On ports that are free here; on everything else as the environment says. */
    async serve(args: readonly string[], environment: Environment) {
      const [port, opsPort] = [await freePort(), await freePort()]
      const regent = startCommand(args, {
        ...environment,
        PORT: String(port),
        REGENT_OPS_PORT: String(opsPort),
        REGENT_DRAIN: '0',
      })
      serving.push(regent)
      await regent.says('server_started')
      return {
        opsPort,
        said: regent.said,
        ready: async () => (await fetch(`http://127.0.0.1:${opsPort}/readyz`)).status,
        ask: (url: string, form?: Environment, more: Omit<Asking, 'form'> = {}) =>
          askAt(port, url, { ...more, ...(form && { form }) }),
        async stop() {
          regent.kill('SIGTERM')
          return regent.ended
        },
      }
    },

    async stop() {
      // Those that a failing test has left.
      for (const regent of serving) regent.kill('SIGKILL')
      await server.stop()
      rmSync(folder, { recursive: true })
    },
  }
  return machine
}

export type Machine = Awaited<ReturnType<typeof startMachine>>

export function tokenForm({ clientId, secret }: DemoClient): Environment {
  return { grant_type: 'client_credentials', client_id: clientId, client_secret: secret }
}
