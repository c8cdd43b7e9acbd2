/**
 * Reads what was changed since a backup, from what was kept outside the database: lines of the log (`change_made`) and
 * exported audit events (NDJSON). Other lines are none of its business. Pure.
 */
import { z } from 'zod'
import { OperatorError } from '../../storage/operator-error.ts'

export type LostChange = {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly tenant: string
  readonly action: string
  readonly subject: string
  readonly workspaceId?: string | undefined
  readonly credentialId?: string | undefined
  readonly kid?: string | undefined
  readonly scopes?: readonly string[] | undefined
}

const MOMENT = z.string().transform((text) => Date.parse(text))
const LOGGED = z.object({
  event: z.literal('change_made'),
  time: MOMENT,
  region: z.string(),
  tenant: z.string(),
  action: z.string(),
  subject: z.string(),
  workspaceId: z.string().optional(),
  credentialId: z.string().optional(),
  kid: z.string().optional(),
  scopes: z.array(z.string()).optional(),
})
const EXPORTED = z.object({
  sequence: z.int(),
  occurred_at: MOMENT,
  action: z.string(),
  subject: z.string(),
  workspace_id: z.string().nullable(),
  details: z.looseObject({
    credentialId: z.string().optional(),
    revoked: z.string().optional(),
    scopes: z.array(z.string()).optional(),
  }),
})

/** @returns those of this region, after the moment @throws OperatorError where no line is one of a log */
export function readLog(name: string, text: string, region: string, since: number): readonly LostChange[] {
  const lines = readLines(text)
  if (!lines.some((line) => 'event' in line && 'time' in line))
    throw new OperatorError(`${name}: no line of it is one of Regent's log.`)
  return lines.flatMap((line) => {
    const { data } = LOGGED.safeParse(line)
    if (data === undefined || data.region !== region || !(data.time > since)) return []
    const { event: _, time: at, region: __, ...change } = data
    return [{ at, ...change }]
  })
}

/** @param tenant whose trail it is: an exported event does not say @throws OperatorError where no line is an event */
export function readExport(name: string, text: string, tenant: string, since: number): readonly LostChange[] {
  const events = readLines(text).flatMap((line) => EXPORTED.safeParse(line).data ?? [])
  if (events.length === 0) throw new OperatorError(`${name}: no line of it is an exported audit event.`)
  return events
    .filter(({ occurred_at: at }) => at > since)
    .map(({ occurred_at: at, action, subject, workspace_id: workspaceId, details }) => ({
      at,
      tenant,
      action,
      subject,
      workspaceId: workspaceId ?? undefined,
      credentialId: details.credentialId,
      kid: details.revoked,
      scopes: details.scopes,
    }))
}

function readLines(text: string): readonly object[] {
  return text.split('\n').flatMap((line) => {
    try {
      return Object(JSON.parse(line)) === undefined ? [] : [Object(JSON.parse(line)) as object]
    } catch {
      return []
    }
  })
}
