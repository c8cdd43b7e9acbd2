/**
 * The command line as a whole: every command by its first word, loaded when it is the one that was typed, for what serves tokens takes
 * a second to load, and who lists clients should not wait for it. The list of all commands needs names and sentences only.
 */
import { Command, CommanderError } from 'commander'
import { VERSION } from '../server/version.ts'
import { apiCommands } from './commands/define.ts'
import { FIRST_WORDS } from './commands/index.ts'
import { CommandFault, EXIT, type ExitCode } from './exit-code.ts'
import { report } from './print.ts'
import { OperatorError } from '../storage/operator-error.ts'

type Entry = { readonly says: string; readonly load: () => Promise<Command> }

const COMMANDS: Readonly<Record<string, Entry>> = {
  quickstart: {
    says: 'a whole Regent on this machine: demo tenants, the token service, an API, and a tour',
    load: async () => (await import('./quickstart.ts')).quickstartCommand(),
  },
  serve: {
    says: 'the token service, configured by environment variables (.env.example explains each)',
    load: async () => (await import('./serve.ts')).serveCommand(),
  },
  migrate: {
    says: 'roles and schema of the databases',
    load: async () => (await import('./migrate.ts')).migrateCommand(),
  },
  bootstrap: {
    says: 'the first operator of each region, whose secret is shown once; safe to run twice',
    load: async () => (await import('./bootstrap.ts')).bootstrapCommand(),
  },
  restored: {
    says: 'after a restore, before serving: ends again what was revoked since the backup',
    load: async () => (await import('./restored/restored.ts')).restoredCommand(),
  },
  'master-key': {
    says: 'the master keys: what is sealed with each, and the sealing anew with the first',
    load: async () => (await import('./master-key.ts')).masterKeyCommand(),
  },
  demo: {
    says: "the quickstart's tenants in the configured databases; shows their secrets once",
    load: async () => (await import('./demo-command.ts')).demoCommand(),
  },
  'print-config': {
    says: 'the configuration as it is in effect, secrets masked',
    load: async () => (await import('./print-config.ts')).printConfigCommand(),
  },
  login: {
    says: 'store who you are at a server, once it is proved, for the commands below',
    load: async () => (await import('./login.ts')).loginCommand(),
  },
  logout: {
    says: 'forget what login stored',
    load: async () => (await import('./login.ts')).logoutCommand(),
  },
  profiles: {
    says: 'what login stored, without the secrets',
    load: async () => (await import('./login.ts')).profilesCommand(),
  },
  token: {
    says: 'ask for a token, verify it with the published keys, and show what is in it',
    load: async () => (await import('./token.ts')).tokenCommand(),
  },
  explain: {
    says: 'what a URL, a host, a reason, a code or a status means',
    load: async () => (await import('./explain/explain.ts')).explainCommand(),
  },
  completion: {
    says: 'a script that completes commands in bash or zsh',
    load: async () => (await import('./completion.ts')).completionCommand(() => openProgram([], true)),
  },
  apply: {
    says: 'make your tenant what a file says, all of it or nothing; shows what would change',
    load: async () => (await import('./files/apply.ts')).applyCommand(),
  },
  export: {
    says: 'your tenant as such a file',
    load: async () => (await import('./files/export.ts')).exportCommand(),
  },
  ...Object.fromEntries(
    Object.entries(FIRST_WORDS).map(([name, says]) => [name, { says, load: async () => apiCommands(name) }]),
  ),
  audit: {
    says: FIRST_WORDS.audit ?? '',
    load: async () =>
      apiCommands('audit').addCommand((await import('./audit-export.ts')).auditExportCommand()),
  },
  import: {
    says: 'clients of another product, or of another Regent, with their secrets',
    load: async () => (await import('./import/command.ts')).importCommand(),
  },
}

/** @param typed the words behind `regent`; those commands are loaded whose name is among them. @param all load every one */
export async function openProgram(typed: readonly string[], all = false): Promise<Command> {
  const program = new Command('regent')
    .description('A multi-tenant, region-aware OAuth 2.0 token service')
    .version(VERSION)
    .showHelpAfterError('(--help shows what there is)')
    .addHelpText(
      'after',
      '\nEach command has --help with examples, and --json. Exit codes: 0 done, 1 refused, 2 typed wrong, 3 not found, 4 not allowed,\n5 not reached or busy, 70 a fault of Regent.',
    )
  for (const [name, { says, load }] of Object.entries(COMMANDS)) {
    if (name === 'quickstart') program.commandsGroup('A server and its databases:')
    if (name === 'login') program.commandsGroup('What a server administers, over its API:')
    const command = all || typed.includes(name) ? await load() : new Command(name)
    program.addCommand(command.description(says))
  }
  return throwing(program)
}

/** Faults of what was typed are thrown, too: what ends the process is in one place. */
function throwing(command: Command): Command {
  command.exitOverride()
  for (const one of command.commands) throwing(one.copyInheritedSettings(command))
  return command
}

/**
 * Runs what was typed. What a command cannot do for a reason that its caller can mend is said in a sentence, without a stack; anything
 * else is a bug and shows where it happened.
 * @returns what the process ends with; undefined where all went well
 */
export async function runProgram(typed: readonly string[]): Promise<ExitCode | undefined> {
  try {
    const program = await openProgram(typed)
    await program.parseAsync(typed, { from: 'user' })
    return undefined
  } catch (error) {
    return endingOf(error)
  }
}

function endingOf(error: unknown): ExitCode {
  // Said by commander already: help that was asked for, or a fault of what was typed.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
  if (error instanceof OperatorError) {
    report(error.message)
    return error instanceof CommandFault ? error.exitCode : EXIT.refused
  }
  report(String((error as Error).stack ?? error))
  return EXIT.bug
}
