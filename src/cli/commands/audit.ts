/** Commands of the audit trail that are one question each; its export is a file of its own. */
import type { Item } from '../table.ts'
import { plainLine } from '../plain.ts'
import type { ApiCommand } from './api-command.ts'

export const AUDIT_COMMANDS: readonly ApiCommand[] = [
  {
    name: 'audit list',
    route: 'audit.list',
    api: 'tenant',
    method: 'GET',
    path: '/audit-events',
    says: 'what was changed in your tenant, by whom, in order',
    list: { columns: ['sequence', 'occurred_at', 'action', 'subject', 'actor', 'peer'] },
    examples: ['audit list', 'audit list --json | jq \'.items[] | select(.action == "client_deleted")\''],
  },
  {
    name: 'audit verify',
    route: 'audit.verify',
    api: 'tenant',
    method: 'GET',
    path: '/audit-events/verification',
    says: 'whether the trail is as it was written: nothing edited, removed or put in another order. Ends with 1 when it is not',
    query: [
      {
        name: 'checkpoint',
        kind: 'checkpoint',
        says: 'a file with one that an earlier call, or the log, showed',
      },
    ],
    view: tellVerdict,
    isFault: (body) => (body.faults as unknown[]).length > 0,
    examples: [
      'audit verify --json > acme.json   # keep it elsewhere than the database',
      'audit verify --checkpoint acme.json',
    ],
  },
]

function tellVerdict({ events, unchained, faults, vouched_up_to: upTo, checkpoint }: Item): string {
  const found = (faults as { sequence: number; what: string }[]).map(
    ({ sequence, what }) => `event ${sequence}: ${plainLine(what)}`,
  )
  const before =
    Number(unchained) > 0
      ? [`${Number(unchained)} events are from before there was a chain: nothing is said of them.`]
      : []
  if (found.length > 0)
    return [
      ...found,
      ...before,
      'This trail was tampered with. What stands above is where it shows first.',
    ].join('\n')
  return [
    ...before,
    `${Number(events)} events, each as it was written and in its order.`,
    upTo === undefined
      ? 'Without a checkpoint, an old state of the trail that was put back as a whole would look like this too.'
      : `All events up to ${Number(upTo)} were there when the checkpoint was made. Later ones could have been cut off only by whoever put back an old state.`,
    ...(checkpoint === undefined ? [] : [`Checkpoint to keep elsewhere:\n${JSON.stringify(checkpoint)}`]),
  ].join('\n')
}
