/**
 * Turns of the event loop: requests that were read in one turn are answered together behind all reading, a bounded number at
 * a time. To answer each as soon as it is read, between the readings of others, costs a busy node more for the same answers.
 */

/** So many are answered before the sockets are looked at again. */
const AT_A_TIME = 64

/**
 * @param onTurn told how many go on together
 * @returns a promise that is fulfilled when this turn's reading is over, in the order in which it was asked for
 */
export function turnTaker(onTurn: (requests: number) => void = () => {}): () => Promise<void> {
  const waiting: (() => void)[] = []

  const answerThese = () => {
    const these = waiting.splice(0, AT_A_TIME)
    for (const resume of these) resume()
    onTurn(these.length)
    if (waiting.length > 0) setImmediate(answerThese)
  }
  return () =>
    new Promise((resolve) => {
      if (waiting.push(resolve) === 1) setImmediate(answerThese)
    })
}
