/** What whoever applies a document is told, a line at a time: the plan, its steps, how far it has come, and how it ended. */
import { z } from 'zod'
import { changesOf, type Plan } from '../../changes/apply/apply-tenant.ts'
import type { Step, Values } from '../../changes/apply/step.ts'
import { slices } from '../../clock.ts'
import { entityTag } from '../make-change.ts'
import { snakeCase } from '../problem.ts'
import type { Shown } from '../route.ts'
import { PROBLEM } from '../shapes.ts'

const COUNT = z.int().nonnegative()
const COUNTS = {
  create: COUNT,
  update: COUNT,
  delete: COUNT,
  keep: COUNT.meta({ description: 'not in the document; prune=true would end it' }),
  missing: COUNT.meta({ description: 'credentials that the document names, and that are not here' }),
}
export const STEP = z.object({
  do: z.enum(['create', 'update', 'delete', 'keep', 'missing']),
  kind: z.enum(['workspace', 'resource_server', 'scope', 'client', 'credential']),
  workspace: z.string(),
  name: z.string(),
  resource_server: z.string().optional().meta({ description: 'of a scope' }),
  client: z.string().optional().meta({ description: 'of a credential' }),
  before: z.looseObject({}).optional(),
  after: z.looseObject({}).optional(),
  note: z.string().optional(),
})
export const RESULT = z.object({
  dry_run: z.boolean(),
  changed: z.boolean(),
  ...COUNTS,
  unconfirmed_nodes: z.array(z.string()).optional(),
})
export const ANSWER_LINE = z.union([
  z.strictObject({ plan: z.strictObject({ ...COUNTS, etag: z.string() }) }),
  z.strictObject({ step: STEP }),
  z.strictObject({ progress: z.strictObject({ done: COUNT, of: COUNT }) }),
  z.strictObject({ result: RESULT }),
  z.strictObject({ problem: PROBLEM }),
])

export type AnswerLine = z.output<typeof ANSWER_LINE>
export type ShownStep = z.output<typeof STEP>

export const printLine = (line: AnswerLine): string => `${JSON.stringify(line)}\n`

/** What the entity tag of a plan is made of. */
export const tagOf = ({ tag }: Plan): object => ({ tag })

export function resultOf({ counts }: Pick<Plan, 'counts'>, dryRun: boolean): z.output<typeof RESULT> {
  return { dry_run: dryRun, changed: !dryRun && changesOf(counts) > 0, ...counts }
}

export function showStep(step: Step): ShownStep {
  const { kind, workspace, name, before, after, note, of } = step
  return {
    do: of.do,
    kind,
    workspace,
    name,
    ...(step.kind === 'scope' && { resource_server: step.owner }),
    ...(step.kind === 'credential' && { client: step.client }),
    ...(before && { before: showValues(before) }),
    ...(after && { after: showValues(after) }),
    ...(note !== undefined && { note }),
  }
}

function showValues(values: Values): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [snakeCase(name), value]))
}

type Working = {
  readonly plan: Plan
  /** How far it has come, whenever somebody looks; and when it ended. */
  readonly progress: () => number
  readonly moved: () => Promise<void>
  readonly ended: Promise<AnswerLine>
}

/** What is known is told when it is asked for: a caller who reads slowly makes nobody wait, and nothing pile up. */
export async function* answerLines({ plan, progress, moved, ended }: Working): AsyncGenerator<string> {
  const breathe = slices()
  yield printLine({ plan: { ...plan.counts, etag: entityTag(tagOf(plan)) } })
  for (const step of plan.steps) {
    yield printLine({ step: showStep(step) })
    await breathe()
  }
  const of = changesOf(plan.counts)
  for (let told = 0; ;) {
    const last = await Promise.race([moved(), ended])
    const done = progress()
    if (done > told) yield printLine({ progress: { done, of } })
    told = done
    if (last !== undefined) {
      yield printLine(last)
      return
    }
  }
}

/** Of a request that is repeated: what is kept of its answer is how it ended. */
export function keptAnswer(plan: Pick<Plan, 'counts'>): Shown {
  return { text: { type: 'application/x-ndjson', value: printLine({ result: resultOf(plan, false) }) } }
}
