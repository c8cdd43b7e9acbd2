/** `regent completion bash|zsh`: a script for the shell, made of the commands that there are; only profiles are looked up when it runs. */
import { Argument, Command, type Option } from 'commander'
import { say } from './print.ts'

export function completionCommand(program: () => Promise<Command>): Command {
  return new Command('completion')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh']))
    .option('--json', 'print the script as a JSON string')
    .addHelpText(
      'after',
      `
Examples:
  echo 'source <(regent completion bash)' >> ~/.bashrc
  echo 'source <(regent completion zsh)' >> ~/.zshrc`,
    )
    .action(async (shell: 'bash' | 'zsh', { json }: { json?: boolean }) => {
      const script = printScript(await program(), shell)
      say(json ? JSON.stringify(script) : script)
    })
}

/** zsh runs what bash does, by its own bashcompinit. */
export function printScript(program: Command, shell: 'bash' | 'zsh'): string {
  const commands = program.commands.filter((one) => one.name() !== 'help')
  const groups = commands.filter((one) => one.commands.length > 0)
  const leaves = commands.flatMap((one) =>
    one.commands.length === 0
      ? [{ path: one.name(), command: one }]
      : one.commands.flatMap((leaf) =>
          [leaf.name(), ...leaf.aliases()].map((word) => ({ path: `${one.name()} ${word}`, command: leaf })),
        ),
  )
  return [
    ...(shell === 'zsh' ? ['autoload -U +X bashcompinit && bashcompinit'] : []),
    '_regent() {',
    '  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" path="${COMP_WORDS[1]}" words=""',
    '  COMPREPLY=()',
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    COMPREPLY=($(compgen -W "${commands.map((one) => one.name()).join(' ')} help" -- "$word")); return`,
    '  fi',
    '  case "$path" in',
    ...groups.map(
      (one) =>
        `    ${one.name()}) if [ "$COMP_CWORD" -eq 2 ]; then COMPREPLY=($(compgen -W "${wordsOf(one)}" -- "$word")); return; fi; path="$path \${COMP_WORDS[2]}" ;;`,
    ),
    '  esac',
    '  case "$before" in',
    '    --profile) words="$(cd "${XDG_CONFIG_HOME:-$HOME/.config}/regent/profiles" 2>/dev/null && ls | sed -n \'s/\\.json$//p\')"; COMPREPLY=($(compgen -W "$words" -- "$word")); return ;;',
    `    ${fileOptions(leaves).join('|')}) COMPREPLY=($(compgen -f -- "$word")); return ;;`,
    '  esac',
    '  case "$path $before" in',
    ...leaves.flatMap(({ path, command }) =>
      command.options
        .filter(({ argChoices }) => argChoices !== undefined)
        .map(
          (option) =>
            `    "${path} ${option.long}") COMPREPLY=($(compgen -W "${option.argChoices?.join(' ')}" -- "$word")); return ;;`,
        ),
    ),
    '  esac',
    '  case "$path" in',
    ...leaves.map(
      ({ path, command }) =>
        `    "${path}") words="${[...command.options.map(flagOf), '--help', ...choicesOf(command)].join(' ')}" ;;`,
    ),
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
    '}',
    'complete -o default -F _regent regent',
  ].join('\n')
}

const wordsOf = (group: Command) => group.commands.flatMap((one) => [one.name(), ...one.aliases()]).join(' ')
const flagOf = ({ long, short }: Option) => long ?? short ?? ''
const choicesOf = (command: Command) =>
  command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices)

function fileOptions(leaves: readonly { readonly command: Command }[]): readonly string[] {
  const all = leaves.flatMap(({ command }) =>
    command.options.filter(({ flags }) => flags.includes('<file>')).map(flagOf),
  )
  return [...new Set(all)].toSorted()
}
