/** What a command ends with, for scripts: docs/guides/command-line.md has the list. */
import { OperatorError } from '../storage/operator-error.ts'

export const EXIT = {
  done: 0,
  /** Refused, or found to be wrong: something is to be mended first. */
  refused: 1,
  /** The command line itself: an unknown command or option, a missing argument. */
  usage: 2,
  notFound: 3,
  /** Not logged in, a wrong secret, or a scope that is lacking. */
  notAllowed: 4,
  /** Not reached, or busy: the same may work later. */
  unavailable: 5,
  /** A fault of Regent's own. */
  bug: 70,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** A fault that its caller can mend, with what the command ends with. */
export class CommandFault extends OperatorError {
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}
