/** Routes of the audit trail: read, exported, verified. Nothing changes it. */
import { z } from 'zod'
import { auditStore, type StoredEvent } from '../../changes/audit-store.ts'
import { CHECKPOINT, verifyAudit } from '../../changes/verify-audit.ts'
import { route } from '../route.ts'
import { DIGITS, page, PAGE, pageOf, readCursor } from '../shapes.ts'

const EVENT = z.object({
  sequence: z.int(),
  id: z.string(),
  action: z.string(),
  subject: z.string(),
  workspace_id: z.string().nullable(),
  actor: z.string(),
  request_id: z.string().nullable(),
  peer: z.string().nullable(),
  details: z.looseObject({}),
  occurred_at: z.string(),
  mac: z.string(),
})
const VERDICT = z.object({
  events: z.int(),
  unchained: z.int(),
  faults: z.array(z.object({ sequence: z.int(), what: z.string() })),
  vouched_up_to: z.int().optional(),
  checkpoint: CHECKPOINT.optional(),
})
const EXPORT_PAGE = 1000

function showEvent(event: StoredEvent): z.input<typeof EVENT> {
  return {
    sequence: event.sequence,
    id: event.eventId,
    action: event.action,
    subject: event.subject,
    workspace_id: event.workspaceId,
    actor: event.actor,
    request_id: event.requestId,
    peer: event.peer,
    details: JSON.parse(event.details) as Record<string, unknown>,
    occurred_at: new Date(Number(event.occurredAt) / 1000).toISOString(),
    mac: event.mac.toString('base64url'),
  }
}

const afterOf = (cursor: string | undefined): number => Number(readCursor(cursor, [DIGITS])?.[0] ?? 0)

export const AUDIT_ROUTES = [
  route({
    name: 'audit.list',
    api: 'tenant',
    method: 'GET',
    path: '/audit-events',
    summary: 'What was changed, by whom, in order',
    query: z.strictObject(PAGE),
    answers: { 200: pageOf(EVENT) },
    async run({ read, query: { limit, cursor } }) {
      const all = await read((connection) =>
        auditStore(connection).listEventsAfter(afterOf(cursor), limit + 1),
      )
      return { body: page(all, limit, ({ sequence }) => [String(sequence)], showEvent) }
    },
  }),
  route({
    name: 'audit.export',
    api: 'tenant',
    method: 'GET',
    path: '/audit-events/export',
    summary: 'A thousand events, a line each (NDJSON); the header Regent-Next-Cursor says where to go on',
    query: z.strictObject({ cursor: PAGE.cursor }),
    answers: { 200: undefined },
    async run({ read, query: { cursor } }) {
      const all = await read((connection) =>
        auditStore(connection).listEventsAfter(afterOf(cursor), EXPORT_PAGE + 1),
      )
      const { items, next_cursor: next } = page(
        all,
        EXPORT_PAGE,
        ({ sequence }) => [String(sequence)],
        showEvent,
      )
      return {
        text: {
          type: 'application/x-ndjson',
          value: items.map((event) => `${JSON.stringify(event)}\n`).join(''),
        },
        ...(next !== undefined && { headers: { 'Regent-Next-Cursor': next } }),
      }
    },
  }),
  route({
    name: 'audit.verify',
    api: 'tenant',
    method: 'GET',
    path: '/audit-events/verification',
    summary: 'Whether the trail is as it was written, with a checkpoint to keep elsewhere',
    query: z.strictObject({
      checkpoint: z.string().max(2000).optional().meta({ description: 'one from before, as JSON' }),
    }),
    answers: { 200: VERDICT },
    async run({ database, keyring, tenant, query }) {
      const { vouchedUpTo, ...verdict } = await verifyAudit(
        database,
        keyring,
        tenant,
        readCheckpoint(query.checkpoint),
      )
      return {
        body: {
          ...verdict,
          faults: [...verdict.faults],
          ...(vouchedUpTo !== undefined && { vouched_up_to: vouchedUpTo }),
        },
      }
    },
  }),
]

/** What is none is one that nobody made: it is found to be so. */
function readCheckpoint(text: string | undefined): z.output<typeof CHECKPOINT> | undefined {
  if (text === undefined) return undefined
  const nobodys = { region: '', tenant: '', sequence: 0, mac: '', at: '', signature: '' }
  try {
    return CHECKPOINT.catch(nobodys).parse(JSON.parse(text))
  } catch {
    return nobodys
  }
}
