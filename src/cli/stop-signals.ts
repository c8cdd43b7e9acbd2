/**
 * Waits for the signal to stop. npm hands on a Ctrl-C that the terminal has sent to everybody already, so that one
 * arrives twice: within a second, a second signal is the same one. A later one ends the process at once.
 */
const SAME_SIGNAL = 1000

export async function untilStopped(): Promise<void> {
  await new Promise<void>((resolve) => {
    let first: number | undefined
    const onSignal = () => {
      if (first === undefined) {
        first = Date.now()
        resolve()
      } else if (Date.now() - first > SAME_SIGNAL) process.exit(1)
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
  })
}
