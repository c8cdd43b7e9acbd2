/** How far long work has come, on standard error: a bar where somebody looks at a terminal, else a line now and then. */
import { report } from '../print.ts'
import { printBar } from './print-plan.ts'

/** Milliseconds between two lines, where there is no terminal. */
const PAUSE = 5000
const CLEAR = '\r\u001b[K'

export function progressBar(terminal = process.stderr.isTTY) {
  let shown = ''
  let saidAt = Date.now()
  const draw = (text: string) => {
    shown = text
    if (terminal) process.stderr.write(CLEAR + text)
    else if (Date.now() - saidAt >= PAUSE) {
      saidAt = Date.now()
      report(`… ${text}`)
    }
  }
  const clear = () => {
    if (terminal && shown !== '') process.stderr.write(CLEAR)
  }
  return {
    note: draw,
    show: (done: number, of: number) => draw(printBar(done / of, done, of)),
    /** What is said meanwhile stands above it. */
    above(write: () => void): void {
      clear()
      shown = ''
      write()
    },
    end: clear,
  }
}
