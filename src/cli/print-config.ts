/** `regent print-config`: the configuration as it is in effect, by variable, with secrets masked. */
import { Command } from 'commander'
import { readConfig } from '../config.ts'
import { settingCosts } from '../config/costs.ts'
import { effectiveVariables } from '../config/effective.ts'
import { say } from './print.ts'

export function printConfigCommand(): Command {
  return new Command('print-config')
    .option('--json', 'print it as JSON')
    .action((options: { json?: boolean }) => {
      const config = readConfig()
      const variables = effectiveVariables(config)
      if (options.json) {
        say(JSON.stringify(variables, null, 2))
        return
      }
      for (const [name, value] of Object.entries(variables)) say(`${name}=${value}`)
      for (const cost of settingCosts(config)) say(`# ${cost}`)
    })
}
