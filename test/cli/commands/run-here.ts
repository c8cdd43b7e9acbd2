/** Runs the command line in this process: for what a process of its own would only make slower. Others are run beside, as users do. */
import { runProgram } from '../../../src/cli/program.ts'
import { noteSecret } from '../../support/noted-secrets.ts'
import { commandLogs } from '../../support/written-logs.ts'

export type Ended = { readonly code: number; readonly out: string; readonly err: string }

export async function runHere(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const before = {
    env: process.env,
    out: process.stdout.write,
    err: process.stderr.write,
    code: process.exitCode,
  }
  const said = { out: '', err: '' }
  const logs = commandLogs(args)
  process.env = {
    PATH: before.env.PATH ?? '',
    HOME: '/nonexistent',
    REGENT_TEST_RUN: before.env.REGENT_TEST_RUN ?? '',
    ...environment,
  }
  const endedWith = process as { exitCode: number | undefined }
  endedWith.exitCode = undefined
  process.stdout.write = listening((text) => (said.out += text))
  process.stderr.write = listening((text) => (said.err += text))
  try {
    const ending = await runProgram(args)
    return { code: ending ?? endedWith.exitCode ?? 0, ...said }
  } finally {
    process.env = before.env
    process.stdout.write = before.out
    process.stderr.write = before.err
    process.exitCode = before.code
    for (const [secret] of said.out.matchAll(/rgs_[\w-]{66}/g)) noteSecret('client secret', secret)
    logs.out(said.out)
    logs.err(said.err)
  }
}

const listening =
  (hear: (text: string) => void) =>
  (chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean => {
    hear(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString())
    for (const done of rest) if (typeof done === 'function') (done as () => void)()
    return true
  }
