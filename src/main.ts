#!/usr/bin/env node
/** The command line: `regent <command>`. */
import { runProgram } from './cli/program.ts'

// Who reads what is said may have seen enough, as `head` has.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

const ending = await runProgram(process.argv.slice(2))
// Undefined: all went well, or a command has said itself what it ends with.
if (ending !== undefined) process.exitCode = ending
