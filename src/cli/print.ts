/** What commands say: results on standard output, progress and faults on standard error. */

export function say(text = ''): void {
  process.stdout.write(`${text}\n`)
}

export function report(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Says what takes longer than a second, and that it goes on; quick work stays silent. */
export async function withProgress<T>(what: string, work: () => Promise<T>): Promise<T> {
  const started = Date.now()
  const timer = setInterval(() => report(`… ${what} (${Math.round((Date.now() - started) / 1000)} s)`), 1000)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}
