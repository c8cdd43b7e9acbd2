/** What an administrative API refused (RFC 9457), in sentences: what is wrong, in which field, and which request it was. */
import { CommandFault, EXIT, type ExitCode } from '../exit-code.ts'
import { plain } from '../plain.ts'

export type Problem = {
  readonly status: number
  readonly reason: string
  readonly detail: string
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[]
  readonly request_id?: string
}

export class ApiProblem extends CommandFault {
  readonly problem: Problem
  /** Seconds that the server wants to be left alone. */
  readonly retryAfter: number | undefined

  constructor(problem: Problem, retryAfter?: number) {
    super(exitCodeOf(problem.status), printProblem(problem))
    this.problem = problem
    this.retryAfter = retryAfter
  }
}

/** What answers without problem details is no administration: a proxy in front, or another server. */
export function readProblem(status: number, type: string, text: string, url: string): Problem {
  if (type.startsWith('application/problem+json')) {
    const read = JSON.parse(text) as Partial<Problem>
    return { ...read, status, reason: read.reason ?? 'unknown', detail: read.detail ?? `status ${status}` }
  }
  const begins = text.trim().slice(0, 200)
  const what = begins === '' ? 'without a word' : `with: ${begins}`
  return {
    status,
    reason: 'no_problem_details',
    detail: `${new URL(url).host} answered ${status}, not as Regent does, ${what}. A proxy may stand in front`,
  }
}

function printProblem({ status, reason, detail, errors = [], request_id: id }: Problem): string {
  const sentence = detail.charAt(0).toUpperCase() + detail.slice(1)
  // The detail of `invalid` is its errors in one line.
  const head = reason === 'invalid' && errors.length > 0 ? 'What was sent is not right' : sentence
  const fields = errors.map(({ pointer, detail: what }) => `  ${fieldOf(pointer)}: ${what}`)
  const trace = id === undefined ? '' : `, request ${id}`
  return plain([`${head} (${status} ${reason}${trace}).`, ...fields].join('\n'))
}

/** As the options of the command line are called: `/access_token_lifetime` is `--access-token-lifetime`. */
function fieldOf(pointer: string): string {
  return `--${pointer.replace(/^[/?]/, '').replaceAll('_', '-')}`
}

function exitCodeOf(status: number): ExitCode {
  if (status === 401 || status === 403) return EXIT.notAllowed
  if (status === 404 || status === 421) return EXIT.notFound
  if (status === 429 || status >= 500) return EXIT.unavailable
  return EXIT.refused
}
