/** What a fault of the bench is: something that is broken, held, and mended, and what must and must not come of it. */
import type { Stage } from './stage.ts'

export type Fault = {
  readonly name: string
  /** By its number in docs/threats.md. */
  readonly threat: string
  /** Faults of one kind break the same thing in different ways; a quick run has the first one of each kind. */
  readonly kind: string
  readonly expect: Expectation
  /** It is no fault, but work under load: it does not count as one. */
  readonly breaksNothing?: true
  /** Why it cannot be done here, if it cannot. */
  readonly whyNot?: (stage: Stage) => string | undefined
  readonly break: (stage: Stage) => Promise<void>
  /** While it is broken. */
  readonly during: (stage: Stage, run: Run) => Promise<Events>
  /** As it was before, whatever happened meanwhile. */
  readonly mend: (stage: Stage) => Promise<void>
}

export type Expectation = {
  /** `none`: no request fails. `once`: one may fail, and succeeds at another node. `some`: nobody can do better. */
  readonly failures: 'none' | 'once' | 'some'
  /** Whether running nodes may say that they are not ready. */
  readonly unready?: boolean
  /** Milliseconds without a token, held under --strict only. */
  readonly gap?: number
}

/** How long and how often. */
export type Run = {
  readonly hold: () => Promise<void>
  readonly repeat: number
  readonly many: number
  readonly trials: number
}

/** Counts. */
export type Events = {
  /** Each at least once, or the fault was none. */
  readonly must?: Readonly<Record<string, number>>
  /** Never. */
  readonly never?: Readonly<Record<string, number>>
  /** Milliseconds, with what --strict allows. */
  readonly times?: Readonly<Record<string, { readonly took: number; readonly allowed: number }>>
}
