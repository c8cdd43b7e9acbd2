/** What each benchmark stands on: Regent's build, a PostgreSQL and a run's folder of its own, the machine's name. */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { Client } from 'pg'
import { makeRunFolder } from '../test/support/noted-secrets.ts'
import { startPostgres, type TestServer } from '../test/support/postgres.ts'
import { parentOf } from './cpu.ts'

export function buildRegent(): void {
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], { stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error('npm run build failed')
}

/** One that loses nothing with the power, as in production. */
export const startDurablePostgres = (): Promise<TestServer> =>
  startPostgres({ settings: { fsync: 'on', synchronous_commit: 'on' } })

/** @returns the process whose children serve connections. @param url of whoever may connect */
export async function postmasterOf(url: string): Promise<number> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    return parentOf(rows[0]?.pid ?? 0)
  } finally {
    await client.end()
  }
}

/** The server is stopped and the folder gone, whatever becomes of the work. */
export async function withPostgres<Result>(
  start: () => Promise<TestServer>,
  work: (postgres: TestServer) => Promise<Result>,
): Promise<Result> {
  const postgres = await start()
  process.env.REGENT_TEST_POSTGRES = postgres.url
  process.env.REGENT_TEST_RUN = makeRunFolder()
  try {
    return await work(postgres)
  } finally {
    rmSync(process.env.REGENT_TEST_RUN, { recursive: true })
    await postgres.stop()
  }
}

export function machine(): string {
  return `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB`
}
