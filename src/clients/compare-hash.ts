/**
 * Compares a secret with a hash of any stored form, on Node's thread pool. Whoever waits for it waits in `hash-queue.ts`.
 * An attempt that fails does as much work whatever hash it met: where a workspace has hashes of several forms or costs, the
 * rest is done after the comparison, so that time does not tell whose hash it was, or that there was none.
 */
import { pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { compare as bcryptCompare } from 'bcrypt'
import { parsePbkdf2, workOf, type HashWork } from './hash-forms.ts'

/** What an attempt that fails takes in all; `anyway`: it fails, though its secret may be right. */
export type FailingWork = HashWork & { readonly anyway: boolean }

export type CompareHash = (secret: string, hash: string, failing?: FailingWork) => Promise<boolean>

const derive = promisify(pbkdf2)
/** Of no secret, but for its cost. */
const NOBODYS_REST = `$${'nobody'.repeat(9)}`.slice(0, 54)
const NOBODYS_SALT = Buffer.alloc(16, 'nobody')

export const compareHash: CompareHash = async (secret, hash, failing) => {
  const right = await isRight(secret, hash)
  if (failing !== undefined && (!right || failing.anyway)) {
    for (const rest of restOf(workOf(hash), failing)) await spend(secret, rest)
  }
  return right
}

/**
 * The comparisons that are left to do. Rounds of bcrypt come in powers of two, and 2^n is 2^m and 2^m, 2^(m+1), ... 2^(n-1):
 * what is left fits exactly. Iterations only have to be counted.
 */
export function restOf(done: HashWork, most: HashWork): readonly HashWork[] {
  const rest: HashWork[] = []
  if (done.bcryptCost === 0 && most.bcryptCost > 0) rest.push({ bcryptCost: most.bcryptCost, iterations: 0 })
  else {
    for (let bcryptCost = done.bcryptCost; bcryptCost < most.bcryptCost; bcryptCost++)
      rest.push({ bcryptCost, iterations: 0 })
  }
  const iterations = most.iterations - done.iterations
  if (iterations > 0) rest.push({ bcryptCost: 0, iterations })
  return rest
}

async function isRight(secret: string, hash: string): Promise<boolean> {
  const parts = parsePbkdf2(hash)
  if (parts === undefined) return bcryptCompare(secret, hash)
  const { iterations, salt, key } = parts
  return timingSafeEqual(await derive(secret, salt, iterations, key.length, 'sha256'), key)
}

async function spend(secret: string, { bcryptCost, iterations }: HashWork): Promise<void> {
  if (bcryptCost > 0) {
    await bcryptCompare(secret, `$2b$${String(bcryptCost).padStart(2, '0')}${NOBODYS_REST}`)
  }
  if (iterations > 0) await derive(secret, NOBODYS_SALT, iterations, 32, 'sha256')
}
