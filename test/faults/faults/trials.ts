/** Changes under load, one after the other: disabled, rotated, narrowed; with LISTEN, and with LISTEN cut. */
import { CHANGES, disobedience, measureEffect, type Change, type Effect } from '../effect.ts'
import type { Events, Fault, Run } from '../fault.ts'
import type { Stage } from '../stage.ts'

const ALLOWED_MS = 1000

function trials(name: string, listening: boolean): Fault {
  return {
    name,
    threat: listening ? 'T65' : 'T67',
    kind: name,
    expect: { failures: 'none' },
    ...(listening ? { breaksNothing: true } : {}),
    break: async ({ proxies }) => (listening ? undefined : proxies.direct.cut()),
    during: (stage, run) => tryChanges(stage, run),
    mend: async ({ proxies }) => proxies.direct.mend(),
  }
}

export const trialsListening = trials('trials', true)
export const trialsCut = trials('trials-listen-cut', false)

async function tryChanges(stage: Stage, { trials: count }: Run): Promise<Events> {
  const effects: Effect[] = []
  const subjects = stage.subjects.map((_, index) => index)
  let next = 0
  // Each subject has one change at a time, and subjects are in workspaces of their own.
  await Promise.all(
    subjects.map(async (subject) => {
      for (let trial = next++; trial < count; trial = next++)
        effects.push(await measureEffect(stage, subject, CHANGES[trial % CHANGES.length] as Change))
    }),
  )
  const times = effects.map(({ lastToken }) => lastToken).toSorted((a, b) => a - b)
  const quantile = (part: number) => times[Math.min(times.length - 1, Math.floor(part * times.length))] ?? 0
  return {
    must: { trials: effects.length, requests: effects.reduce((sum, { asked }) => sum + asked, 0) },
    never: disobedience(effects),
    times: {
      'last token, median': { took: quantile(0.5), allowed: ALLOWED_MS },
      'last token, 99.9 %': { took: quantile(0.999), allowed: ALLOWED_MS },
      'last token, longest': { took: times.at(-1) ?? 0, allowed: ALLOWED_MS },
    },
  }
}
