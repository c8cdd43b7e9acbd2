/** `regent audit export`: all events of the trail, a line each (NDJSON), as they come; where it broke off, it can go on. */
import { Command } from 'commander'
import { pipeline } from 'node:stream/promises'
import { addConnectionOptions, type ConnectionOptions } from './api/connection-options.ts'
import { report } from './print.ts'

const NEXT = 'regent-next-cursor'

export function auditExportCommand(): Command {
  const command = new Command('export')
    .description('the whole trail of your tenant, a line an event (NDJSON)')
    .option('--cursor <cursor>', 'where an export before broke off, as it said')
    .option('--json', 'it is JSON, a value a line, with this option and without')
  addConnectionOptions(command)
  return command.addHelpText('after', '\nExample:\n  regent audit export > acme-audit.ndjson').action(run)
}

async function run({ cursor, ...options }: ConnectionOptions & { cursor?: string }): Promise<void> {
  const { withApi } = await import('./api/connect.ts')
  await withApi(options, async ({ api }) => {
    let next = cursor
    try {
      do {
        const { headers, body } = await api.stream({
          api: 'tenant',
          method: 'GET',
          path: '/audit-events/export',
          query: { cursor: next },
        })
        await pipeline(body, process.stdout, { end: false })
        next = headers[NEXT]
      } while (next !== undefined)
    } catch (error) {
      if (next !== undefined)
        report(`It broke off. Go on with --cursor ${next}, whose first lines may be there already.`)
      throw error
    }
  })
}
