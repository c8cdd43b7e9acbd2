/** Prints what an API answered: for people as tables and fields, for machines as it came. What is said about it goes to standard error. */
import type { ApiAnswer } from '../api/api-client.ts'
import { plain, plainLine, printJson } from '../plain.ts'
import { report, say } from '../print.ts'
import { printFields, printTable, type Item } from '../table.ts'
import type { ApiCommand } from './api-command.ts'

export function printAnswer(command: ApiCommand, body: Item, json = false): void {
  if (json) return say(printJson(body))
  if (command.view !== undefined) return say(plain(command.view(body)))
  if (command.list !== undefined) {
    const items = (body[command.list.in ?? 'items'] ?? []) as readonly Item[]
    // A header alone would look like something.
    if (items.length === 0) return report('There are none.')
    return say(printTable(command.list.columns, items))
  }
  // What was ended has nothing to show.
  if (Object.keys(body).length > 0) say(printFields(body))
}

export function printPreview(body: Item, json = false): void {
  if (json) return say(printJson(body))
  const { action, subject, details, breaks } = body
  say(plainLine(`Would be done: ${String(action)}, ${String(subject)}`))
  for (const [name, value] of Object.entries(Object(details) as Item))
    say(plainLine(`  ${name}: ${JSON.stringify(value)}`))
  const broken = breaks as readonly string[]
  if (broken.length === 0) say('Nothing that is known would break.')
  else say(plain(`It would break:\n${broken.map((one) => `  - ${one}`).join('\n')}`))
  report('Nothing was changed.')
}

export function reportDone({ showsSecret }: ApiCommand, headers: ApiAnswer['headers']): void {
  if (headers['idempotency-replayed'] !== undefined)
    report('This was done before, with the same key: it was not done again.')
  if (showsSecret) report('Keep the secret: it is not shown again.')
  const missing = headers['regent-unconfirmed-nodes']
  if (missing !== undefined)
    report(
      plainLine(
        `Done. These nodes have not said yet that they know of it: ${missing}. Within a second or two they do.`,
      ),
    )
  else report(headers['preference-applied'] === undefined ? 'Done.' : 'Done, and all nodes know of it.')
}
