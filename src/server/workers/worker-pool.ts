/**
 * Worker processes: as many as are wanted, each replaced when it dies, after a pause that grows while they die young. Knows
 * nothing of what they do; what they say and hear is somebody else's.
 */
import cluster, { type Worker } from 'node:cluster'
import type { Observe } from '../../observe/observation.ts'
import type { FromWorker } from './messages.ts'

type Needs = {
  readonly count: number
  readonly observe: Observe
  readonly onMessage: (worker: Worker, message: FromWorker) => void
  readonly onGone: (worker: Worker) => void
  /** Milliseconds that a worker has to listen, and to stop. */
  readonly patience: number
}

export type WorkerPool = ReturnType<typeof workerPool>

const FIRST_PAUSE = 100
const MAX_PAUSE = 10_000
/** Milliseconds: who lived so long did not die young. */
const YOUNG = 60_000

export function workerPool({ count, observe, onMessage, onGone, patience }: Needs) {
  const listening = new Set<Worker>()
  /** Asked to stop: not replaced. */
  const leaving = new Set<Worker>()
  let pause = FIRST_PAUSE
  let stopping = false
  let replacing: Promise<void> = Promise.resolve()

  /** @returns when it listens; rejects when it ends before, or takes too long */
  const start = (): Promise<Worker> => {
    const worker = cluster.fork()
    const startedAt = Date.now()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        worker.process.kill('SIGKILL')
      }, patience)
      worker.on('message', (message: FromWorker) => {
        if (message.type === 'listening') {
          clearTimeout(timer)
          listening.add(worker)
          resolve(worker)
        } else onMessage(worker, message)
      })
      // It is gone, or going, and its exit says so.
      worker.on('error', () => {})
      worker.on('exit', (code, signal) => {
        clearTimeout(timer)
        const served = listening.delete(worker)
        onGone(worker)
        reject(new Error(`a worker ended before it listened (${signal ?? code})`))
        if (leaving.delete(worker) || stopping || !served) return
        observe({ type: 'worker_ended', pid: worker.process.pid ?? 0, code, signal })
        if (Date.now() - startedAt > YOUNG) pause = FIRST_PAUSE
        revive()
      })
    })
  }

  const revive = () => {
    setTimeout(
      () => {
        if (stopping) return
        start().catch(() => {
          if (!stopping) revive()
        })
      },
      pause * (0.5 + Math.random() / 2),
    ).unref()
    pause = Math.min(pause * 2, MAX_PAUSE)
  }

  const stop = (worker: Worker): Promise<void> => {
    leaving.add(worker)
    listening.delete(worker)
    return new Promise((resolve) => {
      if (worker.isDead()) return resolve()
      const timer = setTimeout(() => worker.process.kill('SIGKILL'), patience)
      worker.once('exit', () => {
        clearTimeout(timer)
        resolve()
      })
      if (worker.isConnected()) worker.send({ type: 'stop' })
    })
  }

  const replaceEach = async () => {
    const before = [...listening]
    for (const old of before) {
      if (stopping) return
      const successor = await start().catch(() => undefined)
      if (successor === undefined) {
        observe({ type: 'warning', message: 'a worker did not start, and the one before it goes on' })
        return
      }
      await stop(old)
    }
  }

  return {
    /** Rejects when one of them does not come to listen. */
    async start(): Promise<void> {
      await Promise.all(Array.from({ length: count }, start))
    },

    areAllListening: () => listening.size >= count,
    listening: (): readonly Worker[] => [...listening],

    /** One by one, each asked to stop only when its successor listens. One that does not come leaves the old one in place. */
    replaceAll(): Promise<void> {
      replacing = replacing.then(replaceEach)
      return replacing
    },

    async stop(): Promise<void> {
      stopping = true
      await Promise.all(
        Object.values(cluster.workers ?? {}).flatMap((worker) => (worker ? [stop(worker)] : [])),
      )
    },
  }
}
