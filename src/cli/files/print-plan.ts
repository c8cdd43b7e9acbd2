/** A plan for people, as a diff: `+` is made, `~` is changed, `-` is ended; `=` stays though it is not in the file, `?` is missing. Pure. */
import type { AnswerLine, ShownStep } from '../../admin/document/answer.ts'
import { plainLine } from '../plain.ts'

const SIGNS = { create: '+', update: '~', delete: '-', keep: '=', missing: '?' } as const

export type Counts = Readonly<Record<keyof typeof SIGNS, number>>

export function printStep(step: ShownStep): string {
  const { kind, workspace, name, client, resource_server: server, before = {}, after = {}, note } = step
  const owner = client ?? server
  const path = [...(kind === 'workspace' ? [] : [workspace]), ...(owner === undefined ? [] : [owner]), name]
  const head = `${SIGNS[step.do]} ${kind.replace('_', ' ')} ${path.join(' ')}${note === undefined ? '' : `: ${note}`}`
  if (step.do !== 'update') return plainLine(head)
  const lines = Object.keys(after).map(
    (field) => `    ${field}: ${JSON.stringify(before[field])} -> ${JSON.stringify(after[field])}`,
  )
  return [head, ...lines].map(plainLine).join('\n')
}

export function printCounts({ create, update, delete: ended, keep, missing }: Counts): string {
  const more = [
    ...(keep > 0 ? [`${keep} not in the file and kept (--prune ends them)`] : []),
    ...(missing > 0 ? [`${missing} named and not there`] : []),
  ]
  const change = `${create} to make, ${update} to change, ${ended} to end`
  return `${[change, ...more].join('; ')}.`
}

export type Result = Extract<AnswerLine, { result: unknown }>['result']

export function printResult({
  create,
  update,
  delete: ended,
  changed,
  unconfirmed_nodes: missing,
}: Result): string {
  if (!changed) return 'All was as it should be: nothing was changed.'
  const nodes =
    missing === undefined
      ? ''
      : ` These nodes have not said yet that they know of it: ${missing.join(', ')}. Within a second or two they do.`
  return plainLine(`Done: ${create} made, ${update} changed, ${ended} ended.${nodes}`)
}

const WIDTH = 30

/** @param share from 0 to 1 */
export function printBar(share: number, done: number, of: number): string {
  const full = Math.round(WIDTH * Math.min(1, share))
  return `[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] ${done} of ${of}`
}
