/** The faults of the bench, in the order in which they are done. A quick run does the first of each kind. */
import type { Fault } from '../fault.ts'
import { backendsTerminated } from './backends.ts'
import { connectionsExhausted } from './connections-exhausted.ts'
import { databaseBlackHole, databaseStopped } from './database-hangs.ts'
import { databaseRefused, databaseResets } from './database-refused.ts'
import { databaseLatency, databaseTrickle } from './database-slow.ts'
import { diskFull } from './disk-full.ts'
import { failOver } from './fail-over.ts'
import { nodeKilled } from './killed.ts'
import { laggingReplica } from './lagging-replica.ts'
import { listenBlackHole, listenHalfOpen, listenTerminated } from './listen-cut.ts'
import { counterHeld, stalledReplica } from './stalled.ts'
import { restartHerd, sigtermDrain } from './stopped.ts'
import { trialsCut, trialsListening } from './trials.ts'

export const faults: readonly Fault[] = [
  databaseRefused,
  databaseResets,
  databaseStopped,
  databaseBlackHole,
  databaseLatency,
  databaseTrickle,
  failOver,
  laggingReplica,
  connectionsExhausted,
  listenBlackHole,
  listenTerminated,
  listenHalfOpen,
  backendsTerminated,
  nodeKilled,
  diskFull,
  sigtermDrain,
  restartHerd,
  stalledReplica,
  counterHeld,
  trialsListening,
  trialsCut,
]
