/** Processor time of processes, in microseconds, as /proc has it: for Linux. */
import { readdirSync, readFileSync } from 'node:fs'
import { Client } from 'pg'

/** Of a clock tick in /proc (USER_HZ). */
const MICROSECONDS_A_TICK = 10_000

export const processTime = (pid: number): number => ticks(pid).own * MICROSECONDS_A_TICK

/** Of PostgreSQL: the server's main process, its children, and those that ended. */
export async function postgresTime(): Promise<number> {
  const client = new Client({ connectionString: process.env.REGENT_TEST_POSTGRES })
  await client.connect()
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  // While the backend is there: its parent is the server.
  const main = ticks(rows[0]?.pid ?? 0).parent
  await client.end()
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const one = ticks(Number(name))
        return one.parent === main ? [one.own] : []
      } catch {
        return [] // It ended meanwhile.
      }
    })
  const { own, ofChildren } = ticks(main)
  return (own + ofChildren + children.reduce((sum, one) => sum + one, 0)) * MICROSECONDS_A_TICK
}

/** Field numbers of proc_pid_stat(5), after the name in brackets. */
function ticks(pid: number) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const at = (number: number) => fields[number - 3] ?? 0
  return { parent: at(4), own: at(14) + at(15), ofChildren: at(16) + at(17) }
}
