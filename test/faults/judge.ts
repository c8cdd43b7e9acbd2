/** What must hold of a fault that was done. Counts always; times under --strict only, for machines are slow when they like. */
import type { Events, Expectation } from './fault.ts'
import { total, type Tally } from './load/tally.ts'

export type Observed = {
  readonly tally: Tally
  readonly events: Events
  /** Undefined where everybody was served again in time. */
  readonly notMended: string | undefined
  readonly acknowledgedAndLost: number
  readonly gapsInFeed: number
  /** Nodes that ended though nobody had asked them to. */
  readonly exits: number
  /** Running nodes that said they were not ready, each time they were asked. */
  readonly unready: number
  readonly sharedKids: number
}

/** @returns what is wrong, in words; nothing where all is well */
export function judge(expect: Expectation, observed: Observed, strict: boolean): readonly string[] {
  const { tally, events, notMended } = observed
  const faults: string[] = []
  const never = (what: string, count: number, detail: object = {}) => {
    const more = Object.entries(detail).map(([reason, times]) => `${reason}: ${times}`)
    if (count > 0) faults.push(`${what}: ${count}${more.length > 0 ? ` (${more.join(', ')})` : ''}`)
  }
  if (notMended !== undefined) faults.push(`not mended: ${notMended}`)
  if (tally.issued === 0) faults.push('no token was issued at all: nothing was checked')
  never('wrong tokens', total(tally.wrong), tally.wrong)
  never('wrong answers', total(tally.refused), tally.refused)
  never('kids of two workspaces', observed.sharedKids)
  never('changes acknowledged and lost', observed.acknowledgedAndLost)
  never('gaps in the feed', observed.gapsInFeed)
  never('nodes that ended by themselves', observed.exits)
  if (expect.unready !== true) never('times that a running node was not ready', observed.unready)
  if (expect.failures === 'none') {
    never('failed requests', total(tally.failed), tally.failed)
    never('documents not served', tally.documentsFailed)
  }
  if (expect.failures !== 'some') never('requests that failed at a second node too', tally.lost)
  for (const [what, count] of Object.entries(events.never ?? {})) never(what, count)
  for (const [what, count] of Object.entries(events.must ?? {}))
    if (!(count > 0)) faults.push(`it did not happen: ${what}`)
  if (strict) faults.push(...late(expect, observed))
  return faults
}

function late({ gap = Infinity }: Expectation, { tally, events }: Observed): readonly string[] {
  const times = Object.entries(events.times ?? {}).filter(([, { took, allowed }]) => took > allowed)
  return [
    ...times.map(([what, { took, allowed }]) => `${what}: ${took} ms, and ${allowed} are allowed`),
    ...(tally.longestGap > gap ? [`longest gap: ${tally.longestGap} ms, and ${gap} are allowed`] : []),
  ]
}
