/** Asks workers for their metrics. One that does not answer in time is left out. */
import type { Worker } from 'node:cluster'
import type { MetricValues } from '../../observe/metrics.ts'
import type { ToWorker } from './messages.ts'

/** Milliseconds. */
const PATIENCE = 2000

export function workerMetrics(tell: (worker: Worker, message: ToWorker) => void) {
  const asked = new Map<number, (values: MetricValues) => void>()
  let lastId = 0

  const ask = (worker: Worker) =>
    new Promise<MetricValues>((resolve) => {
      lastId += 1
      const id = lastId
      const end = (values: MetricValues) => {
        clearTimeout(timer)
        asked.delete(id)
        resolve(values)
      }
      const timer = setTimeout(() => end([]), PATIENCE)
      asked.set(id, end)
      tell(worker, { type: 'metrics', id })
    })

  return {
    read: (workers: readonly Worker[]): Promise<readonly MetricValues[]> => Promise.all(workers.map(ask)),
    answered: (id: number, values: MetricValues): void => asked.get(id)?.(values),
  }
}
