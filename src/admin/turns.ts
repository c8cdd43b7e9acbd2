/** Few at a time: what administers leaves the database's connections to those who want tokens. */
import { Problem } from './problem.ts'

const MAX_WAITING = 200

export type InTurn = ReturnType<typeof turns>

export function turns(most: number) {
  let running = 0
  const waiting: (() => void)[] = []
  return async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (running >= most) {
      if (waiting.length >= MAX_WAITING) {
        throw new Problem(
          503,
          'too_many_waiting',
          'too many administer at this moment: try again in a second',
          {
            headers: { 'Retry-After': '1' },
          },
        )
      }
      await new Promise<void>((resolve) => waiting.push(resolve))
    } else running += 1
    try {
      return await work()
    } finally {
      // Handed on: whoever waits takes the place.
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}
