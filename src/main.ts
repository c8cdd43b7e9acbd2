#!/usr/bin/env node
/**
 * The command line: `regent <command>`. What a command cannot do for a reason that its caller can mend is said in a
 * sentence, without a stack, and the exit code is 1; anything else is a bug and shows where it happened.
 */
import { Command } from 'commander'
import { auditCommand } from './cli/audit.ts'
import { bootstrapCommand } from './cli/bootstrap.ts'
import { demoCommand } from './cli/demo-command.ts'
import { migrateCommand } from './cli/migrate.ts'
import { printConfigCommand } from './cli/print-config.ts'
import { report } from './cli/print.ts'
import { quickstartCommand } from './cli/quickstart.ts'
import { restoredCommand } from './cli/restored/restored.ts'
import { serveCommand } from './cli/serve.ts'
import { OperatorError } from './storage/operator-error.ts'

const program = new Command('regent')
  .description('A multi-tenant, region-aware OAuth 2.0 token service')
  .addCommand(quickstartCommand())
  .addCommand(serveCommand())
  .addCommand(migrateCommand())
  .addCommand(bootstrapCommand())
  .addCommand(restoredCommand())
  .addCommand(auditCommand())
  .addCommand(demoCommand())
  .addCommand(printConfigCommand())

try {
  await program.parseAsync()
} catch (error) {
  report(error instanceof OperatorError ? error.message : String((error as Error).stack ?? error))
  process.exitCode = 1
}
