/**
 * Preloaded into a node whose memory is measured: at SIGUSR2 it collects its garbage, so that what is left is what it holds.
 * Plain JavaScript: it runs in the built program.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')

process.on('SIGUSR2', () => collect())
