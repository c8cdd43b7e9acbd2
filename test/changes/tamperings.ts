/** What somebody who may write all rows, and has no audit key, can do to a trail: each takes a random source, and is SQL. */

/** @returns a whole number below `bound` */
export type Random = (bound: number) => number
/** Of a trail with events 1 to `last`; `other` is a tenant with a trail of its own. */
export type Trail = { readonly tenantId: string; readonly other: string; readonly last: number }
type Tampering = (trail: Trail, random: Random) => string

const mine = ({ tenantId }: Trail) => `tenant_id = '${tenantId}'`
const any = ({ last }: Trail, random: Random) => 1 + random(last)
const bytes = (random: Random) =>
  `decode('${Array.from({ length: 64 }, () => random(16).toString(16)).join('')}', 'hex')`
const edit =
  (change: (random: Random) => string): Tampering =>
  (trail, random) =>
    `update regent.audit_event set ${change(random)} where ${mine(trail)} and sequence = ${any(trail, random)}`
/** Ends the trail at an event: with the old MAC of the head, or one that is made up, or the event's own. */
const cut: Tampering = (trail, random) => {
  const end = any(trail, random) - 1
  const headMac = ['head_mac', bytes(random), 'head.mac'][random(3)]
  const head =
    end === 0
      ? [
          `delete from regent.audit_head where ${mine(trail)}`,
          `update regent.audit_head set sequence = 0, mac = '', head_mac = '' where ${mine(trail)}`,
        ][random(2)]
      : `update regent.audit_head head set sequence = e.sequence, mac = e.mac, head_mac = ${headMac}
         from regent.audit_event e where e.${mine(trail)} and head.${mine(trail)} and e.sequence = ${end}`
  return `delete from regent.audit_event where ${mine(trail)} and sequence > ${end}; ${random(4) === 0 ? '' : head}`
}

export const TAMPERINGS: Readonly<Record<string, Tampering>> = {
  action: edit((random) => `action = action || '${random(9)}'`),
  subject: edit((random) => `subject = '${random(1000)}' || subject`),
  actor: edit(() => `actor = 'somebody'`),
  peer: edit(() => `peer = case when peer is null then '' else null end`),
  request: edit(() => `request_id = case when request_id is null then '' else null end`),
  workspace: edit(() => `workspace_id = case when workspace_id is null then tenant_id end`),
  details: edit((random) => `details = details || '{"x${random(9)}": ${random(1000)}}'`),
  time: edit((random) => `occurred_at = occurred_at + interval '${1 + random(1000)} microseconds'`),
  id: edit(() => `event_id = gen_random_uuid()`),
  mac: edit((random) => `mac = ${bytes(random)}`),
  number: edit((random) => `sequence = sequence + ${1000 + random(1000)}`),
  unchained: edit(() => `sequence = null, mac = null`),
  tenant: (trail, random) =>
    `update regent.audit_event set tenant_id = '${trail.other}', sequence = 1000000 where ${mine(trail)} and sequence = ${any(trail, random)}`,
  deletion: (trail, random) =>
    `delete from regent.audit_event where ${mine(trail)} and sequence = ${any(trail, random)}`,
  'deletion, closed up': (trail, random) => {
    const gone = any(trail, random)
    return `delete from regent.audit_event where ${mine(trail)} and sequence = ${gone};
      update regent.audit_event set sequence = sequence + 1000000 where ${mine(trail)} and sequence > ${gone};
      update regent.audit_event set sequence = sequence - 1000001 where ${mine(trail)} and sequence > 1000000;
      update regent.audit_head set sequence = sequence - 1 where ${mine(trail)}`
  },
  order: (trail, random) => {
    const first = 1 + random(trail.last - 1)
    const second = first + 1 + random(trail.last - first)
    return `update regent.audit_event set sequence = sequence + 1000000 where ${mine(trail)} and sequence in (${first}, ${second});
      update regent.audit_event set sequence = ${first + second} + 1000000 - sequence where ${mine(trail)} and sequence > 1000000`
  },
  'an event of one’s own': (trail, random) =>
    `insert into regent.audit_event (tenant_id, event_id, action, subject, actor, details, sequence, mac)
       select tenant_id, gen_random_uuid(), action, subject, 'somebody', details, ${trail.last + 1}, ${bytes(random)}
       from regent.audit_event where ${mine(trail)} and sequence = ${any(trail, random)};
     ${random(2) === 0 ? '' : `update regent.audit_head set sequence = sequence + 1 where ${mine(trail)}`}`,
  'cut end': cut,
  'cut end again': cut,
  head: (trail, random) =>
    `update regent.audit_head set ${[`sequence = sequence + 1`, `mac = ${bytes(random)}`, `head_mac = ${bytes(random)}`][random(3)]} where ${mine(trail)}`,
  'another head': (trail) =>
    `update regent.audit_head set sequence = o.sequence, mac = o.mac, head_mac = o.head_mac
       from regent.audit_head o where o.tenant_id = '${trail.other}' and audit_head.${mine(trail)}`,
  everything: (trail) =>
    `delete from regent.audit_event where ${mine(trail)}; delete from regent.audit_head where ${mine(trail)}`,
}
