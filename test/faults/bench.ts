/** Does faults on a stage, one after the other: breaks, holds, mends, and waits until everybody is served as before. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Events, Fault, Run } from './fault.ts'
import { judge, type Observed } from './judge.ts'
import { STAGE_REGIONS, type Stage } from './stage.ts'

export type Result = {
  readonly fault: string
  readonly threat: string
  readonly kind: string
  readonly seconds: number
  /** Why it was not done. */
  readonly notRun?: string
  /** Something was broken. */
  readonly injected: boolean
  /** Distinct tokens from when it was broken until it began to be mended. */
  readonly tokensWhileBroken: number
  readonly observed?: Observed
  /** What is wrong; empty where all is well. */
  readonly faults: readonly string[]
}

export type BenchSettings = {
  readonly holdSeconds: number
  readonly repeat: number
  readonly many: number
  readonly trials: number
  readonly strict: boolean
  /** Seconds in which everybody must be served again after a fault is mended. */
  readonly patience?: number
}

const PATIENCE_S = 90
const READINESS_MS = 500
/** So many callers, from all workspaces, are asked for when a fault is over. */
const SAMPLE = 40

export async function runFault(stage: Stage, fault: Fault, settings: BenchSettings): Promise<Result> {
  const { name, threat, kind } = fault
  const notRun = fault.whyNot?.(stage)
  const nothing = { fault: name, threat, kind, seconds: 0, injected: false, tokensWhileBroken: 0, faults: [] }
  if (notRun !== undefined) return { ...nothing, notRun }
  const { holdSeconds, repeat, many, trials, strict, patience = PATIENCE_S } = settings
  const run: Run = { repeat, many, trials, hold: () => sleep(holdSeconds * 1000) }
  const unknown = await untilKnown(stage, patience)
  await stage.emptyLog()
  const startedAt = performance.now()
  const exitsBefore = exits(stage)
  const readiness = watchReadiness(stage)
  await stage.load.takeTally()

  const { events, tokens, failure } = await breakAndHold(stage, fault, run)
  const notMended = await mend(stage, fault, patience)
  const unready = await readiness.stop()
  const tally = await stage.load.takeTally()
  const audit = await compareLedger(stage, patience)
  const { lost, gaps } = audit instanceof Error ? { lost: 0, gaps: 0 } : audit
  const observed: Observed = {
    tally,
    events,
    notMended,
    acknowledgedAndLost: lost,
    gapsInFeed: gaps,
    exits: exits(stage) - exitsBefore,
    unready,
    sharedKids: stage.load.keys.shared(),
  }
  const faults = [
    ...(unknown > 0 ? [`requests without a token before it began: ${unknown}`] : []),
    ...(failure === undefined ? [] : [failure]),
    ...(audit instanceof Error ? [`the ledger could not be compared: ${audit.message}`] : []),
    ...judge(fault.expect, observed, strict),
  ]
  const seconds = Math.round((performance.now() - startedAt) / 1000)
  const injected = failure === undefined && fault.breaksNothing !== true
  return { ...nothing, seconds, injected, tokensWhileBroken: injected ? tokens : 0, observed, faults }
}

/** A machine that is busy may keep the question waiting; what was not compared stays in the ledger. */
async function compareLedger({ clerk, lookUp }: Stage, patience: number) {
  for (const end = performance.now() + patience * 1000; ; await sleep(200)) {
    const audit = await clerk.audit(lookUp).catch((error: Error) => error)
    if (!(audit instanceof Error) || performance.now() > end) return audit
  }
}

/** Whoever is asked for while something is broken is known to every node before. @returns how many are not */
async function untilKnown({ load }: Stage, patience: number): Promise<number> {
  let unknown = await load.sweep()
  for (const end = performance.now() + patience * 1000; unknown > 0 && performance.now() < end;)
    unknown = await load.sweep()
  return unknown
}

/** Whatever goes wrong here, the fault is mended. */
async function breakAndHold(
  stage: Stage,
  fault: Fault,
  run: Run,
): Promise<{ events: Events; tokens: number; failure?: string }> {
  try {
    await fault.break(stage)
    const before = stage.load.distinctTokens()
    const events = await fault.during(stage, run)
    return { events, tokens: stage.load.distinctTokens() - before }
  } catch (error) {
    return { events: {}, tokens: 0, failure: `it could not be done: ${(error as Error).message}` }
  }
}

/** @returns undefined when everybody is served as before, else what is not */
async function mend(stage: Stage, fault: Fault, patience: number): Promise<string | undefined> {
  try {
    await fault.mend(stage)
  } catch (error) {
    return (error as Error).message
  }
  let missing = 'nobody was asked'
  for (const end = performance.now() + patience * 1000; performance.now() < end; await sleep(200)) {
    const found = await whatIsMissing(stage)
    if (found === undefined) return undefined
    missing = found
  }
  return missing
}

async function whatIsMissing(stage: Stage): Promise<string | undefined> {
  for (const node of stage.nodes) {
    if (!node.isRunning()) return `${node.name} does not run`
    if (!(await node.isReady())) return `${node.name} is not ready`
  }
  for (const region of STAGE_REGIONS) {
    const outcome = await stage.clerk.make(region)
    if (outcome !== 'made') return `a change in region ${region}: ${outcome}`
  }
  const { callers } = stage.population
  const step = Math.max(1, Math.floor(callers.length / SAMPLE))
  const missing = await stage.load.sweep(callers.filter((_, index) => index % step === 0))
  return missing === 0 ? undefined : `${missing} requests did not get their token`
}

function exits({ nodes }: Stage): number {
  return nodes.reduce((sum, node) => sum + node.exits(), 0)
}

function watchReadiness({ nodes }: Stage) {
  let unready = 0
  const state = { running: true }
  const watch = async () => {
    for (; state.running; await sleep(READINESS_MS)) {
      for (const node of nodes)
        if (node.isRunning() && (await node.saysNotReady()) && node.isRunning()) unready += 1
    }
  }
  const watching = watch()
  return {
    async stop() {
      state.running = false
      await watching
      return unready
    },
  }
}
