/** Asks before what cannot be undone. */
import { createInterface } from 'node:readline/promises'
import { OperatorError } from '../storage/operator-error.ts'

/** @param yes the caller has said so already; without it, and without a terminal to ask at, nothing is done */
export async function confirm(question: string, yes: boolean | undefined): Promise<void> {
  if (yes) return
  if (!process.stdin.isTTY) throw new OperatorError(`${question} Nothing was done: say --yes to do it.`)
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await prompt.question(`${question} [y/N] `).finally(() => prompt.close())
  if (!/^y(?:es)?$/i.test(answer.trim())) throw new OperatorError('Nothing was done.')
}
