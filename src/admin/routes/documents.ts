/** Routes of a tenant as a document: applied as a whole, and exported. */
import { z } from 'zod'
import { applyPlan, makePlan, type Plan } from '../../changes/apply/apply-tenant.ts'
import type { Step } from '../../changes/apply/step.ts'
import type { WantedWorkspace } from '../../changes/apply/wanted.ts'
import type { TenantConnection } from '../../storage/transaction.ts'
import { administrationOf, type TenantScope } from '../../tenancy/administration.ts'
import { requirePermission } from '../caller.ts'
import { ANSWER_LINE, answerLines, keptAnswer, resultOf, tagOf, type AnswerLine } from '../document/answer.ts'
import { DOCUMENT } from '../document/document.ts'
import { exportLines } from '../document/export.ts'
import { LINE, MOST, readArriving } from '../document/lines.ts'
import { documentReader, printPointer } from '../document/reader.ts'
import { Problem, snakeCase } from '../problem.ts'
import { route, type Context, type Shown } from '../route.ts'
import { DRY_RUN } from '../shapes.ts'

/** What a document shows of a tenant, whoever applies it. */
const READS: readonly TenantScope[] = ['resource-servers:read', 'clients:read']
const WRITES: Readonly<Record<Step['kind'], TenantScope>> = {
  workspace: 'workspaces:write',
  resource_server: 'resource-servers:write',
  scope: 'resource-servers:write',
  client: 'clients:write',
  credential: 'credentials:write',
}
const HASHES: TenantScope = 'credentials:import'
const MOST_ERRORS = 100

export const DOCUMENT_ROUTES = [
  route({
    name: 'document.apply',
    api: 'tenant',
    method: 'POST',
    path: '/apply',
    summary:
      'Makes the tenant what the document says, all of it or nothing; prune=true ends what it does not name. Needs the read scopes of what it shows, and the write scopes of what changes; credentials:import for hashes',
    query: z.strictObject({
      prune: z
        .enum(['true', 'false'])
        .optional()
        .meta({ description: 'end what the document does not name' }),
      ...DRY_RUN,
    }),
    streams: { takes: { whole: DOCUMENT, line: LINE, most: MOST }, answers: ANSWER_LINE },
    answers: { 200: undefined },
    async run(context) {
      const { caller, tenant, arriving, contentTypes, query } = context
      requireAll(context, READS)
      const reader = documentReader(tenant)
      const asked = await readArriving(arriving, contentTypes, reader)
      refuse(
        422,
        reader.faults.map(({ path, detail }) => ({ pointer: printPointer(path), detail })),
      )
      return applied(
        context,
        reader.wanted(),
        asked,
        query.prune === 'true',
        query.dry_run === 'true',
        (plan) => {
          refuse(
            409,
            plan.faults.map(({ path, detail }) => ({ pointer: pointerOf(path), detail })),
          )
          const needed = new Set(plan.steps.flatMap(scopeOf))
          requireAll({ caller, tenant, origin: context.origin }, [...needed])
        },
      )
    },
  }),
  route({
    name: 'document.export',
    api: 'tenant',
    method: 'GET',
    path: '/export',
    summary:
      'The tenant as a document, a part a line (NDJSON), which ends with {"end": ...}. Needs the read scopes of what it shows; hashes=true: credentials:import',
    query: z.strictObject({
      hashes: z.enum(['true', 'false']).optional().meta({ description: 'secrets as hashes' }),
    }),
    streams: { answers: z.union([...LINE.options, z.strictObject({ problem: z.looseObject({}) })]) },
    answers: { 200: undefined },
    async run(context) {
      const hashes = context.query.hashes === 'true'
      requireAll(context, hashes ? [...READS, HASHES] : READS)
      return { stream: { lines: exportLines(context, hashes) } }
    },
  }),
]

function requireAll(
  { caller, origin, tenant }: Pick<Context, 'caller' | 'origin' | 'tenant'>,
  scopes: readonly TenantScope[],
): void {
  for (const scope of scopes) requirePermission(caller, scope, administrationOf(origin, tenant))
}

/** By the names of the document. */
function pointerOf(path: readonly (string | number)[]): string {
  return printPointer(path.map((part) => (typeof part === 'string' ? snakeCase(part) : part)))
}

function scopeOf({ kind, of }: Step): readonly TenantScope[] {
  if (of.do === 'keep' || of.do === 'missing') return []
  return [kind === 'credential' && of.do === 'create' ? HASHES : WRITES[kind]]
}

/** @throws Problem where there is a fault: 422 for what was sent, 409 for how it meets what is there */
function refuse(status: 422 | 409, faults: readonly { pointer: string; detail: string }[]): void {
  if (faults.length === 0) return
  const errors = faults.slice(0, MOST_ERRORS)
  const detail = `the document has ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}, and nothing was changed`
  if (status === 422) throw new Problem(422, 'invalid', detail, { errors })
  throw new Problem(409, 'not_applicable', detail, { errors })
}

const nobodyWaits = (): void => {}

/** Answers as soon as the plan is made: refused by then with a status of its own, afterwards in the last line. */
async function applied(
  context: Context,
  wanted: readonly WantedWorkspace[],
  asked: string,
  prune: boolean,
  dryRun: boolean,
  requireApplicable: (plan: Plan) => void,
): Promise<Shown> {
  const { tenant, region } = context
  let plan: Plan | undefined
  let done = 0
  let planned = nobodyWaits
  let moved = nobodyWaits
  const isPlanned = new Promise<void>((resolve) => (planned = resolve))
  const changing = context.change({
    asked,
    state: async (connection) => {
      done = 0
      plan = await makePlan(region, connection as TenantConnection, wanted, prune)
      requireApplicable(plan)
      return tagOf(plan)
    },
    make: (needs) =>
      applyPlan(
        needs,
        tenant,
        () => (planned(), found()),
        (steps) => {
          done += steps
          moved()
        },
      ),
    show: async (_connection, value) => keptAnswer(value),
  })
  const found = (): Plan => {
    if (plan === undefined) throw new Error('a plan is carried out that was not made')
    return plan
  }
  const first = await Promise.race([isPlanned, changing])
  // Done by an earlier request: how that one ended.
  if (first !== undefined) return first
  const ended = changing
    .then(async (): Promise<AnswerLine> => {
      const confirmed = await context.confirmed()
      const missing = confirmed['Regent-Unconfirmed-Nodes']
      const result = resultOf(found(), dryRun)
      return {
        result: { ...result, ...(missing !== undefined && { unconfirmed_nodes: missing.split(', ') }) },
      }
    })
    .catch((error: unknown) => ({ problem: context.problem(error) }) as AnswerLine)
  const working = {
    plan: found(),
    progress: () => done,
    moved: () => new Promise<void>((resolve) => (moved = resolve)),
    ended,
  }
  return { stream: { lines: answerLines(working), worked: ended.then(nobodyWaits) } }
}
