/**
 * Keeps callers from waiting for a database that does not answer: after some failures in a row every question is refused
 * at once, but for one that tries again now and then. Moments are spread at random, so that the nodes of a region do not
 * come back all together.
 */
import { isUnavailable, type Database } from './transaction.ts'

export type Breaker = {
  guard<T>(work: () => Promise<T>): Promise<T>
  isOpen(): boolean
}

type Needs = {
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number
  readonly random?: () => number
  /** Told when the database is given up, and when it answers again. */
  readonly onChange?: (open: boolean, cause?: unknown) => void
}

const FAILURES = 3
/** Milliseconds between two attempts while open: from half of it to one and a half. */
const PAUSE = 1000

export function breaker({ monotonic, random = Math.random, onChange = () => {} }: Needs): Breaker {
  let failures = 0
  let open = false
  let tryAt = 0

  const failed = (cause: unknown) => {
    failures += 1
    if (failures < FAILURES) return
    tryAt = monotonic() + PAUSE * (0.5 + random())
    if (!open) onChange(true, cause)
    open = true
  }
  const succeeded = () => {
    failures = 0
    if (open) onChange(false)
    open = false
  }

  return {
    isOpen: () => open,

    async guard(work) {
      if (open) {
        if (monotonic() < tryAt) throw notAsked()
        // This one tries; the others go on being refused while it does.
        tryAt = monotonic() + PAUSE * (0.5 + random())
      }
      try {
        const result = await work()
        succeeded()
        return result
      } catch (error) {
        // An error that the database itself answered with shows that it is there.
        if (isUnavailable(error)) failed(error)
        else succeeded()
        throw error
      }
    },
  }
}

/** The same database, asked through a breaker. */
export function guarded(database: Database, { guard }: Breaker): Database {
  return {
    inTenant: (tenantId, work, deadline) => guard(() => database.inTenant(tenantId, work, deadline)),
    beforeTenant: (work) => guard(() => database.beforeTenant(work)),
    beforeThenInTenant: (find, then) => guard(() => database.beforeThenInTenant(find, then)),
    asOperator: (work) => guard(() => database.asOperator(work)),
    asOperatorAroundTenant: (tenantId, first, then, last) =>
      guard(() => database.asOperatorAroundTenant(tenantId, first, then, last)),
  }
}

function notAsked(): Error {
  const message = 'the database did not answer lately, and is not asked at the moment'
  return Object.assign(new Error(message), { code: 'EHOSTDOWN', notAsked: true })
}

/** Whether nobody was asked: why, those know who were told when the database was given up. */
export function isNotAsked(error: unknown): boolean {
  return Object(error).notAsked === true
}
