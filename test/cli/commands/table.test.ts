/** The table of commands, held to the routes that it names: nothing is sent that they do not take, nothing that they take cannot be said. */
import type { AdminRoute } from '../../../src/admin/route.ts'
import { ROUTES } from '../../../src/admin/routes/index.ts'
import type { ApiCommand } from '../../../src/cli/commands/api-command.ts'
import { API_COMMANDS } from '../../../src/cli/commands/index.ts'
import { openProgram } from '../../../src/cli/program.ts'
import type { Command } from 'commander'

const routeOf = (name: string) => ROUTES.find((route) => route.name === name)
const keysOf = (shape: AdminRoute['body']) => Object.keys(shape?.shape ?? {})
/** What every command has as options of its own. */
const CONDITIONS = ['dry_run', 'limit', 'cursor']
/** By commands of their own: files/, audit-export.ts. */
const STREAMED: readonly string[] = ['document.apply', 'document.export', 'audit.export']
/** Sent by a verb of its own. */
const BY_VERB = ['state']

describe('the table of commands', () => {
  it.each(API_COMMANDS.map((command) => [command.name, command] as const))(
    '%s is its route',
    (_name, command) => {
      const route = routeOf(command.route)
      expect([command.api, command.method, command.path]).toEqual([route?.api, route?.method, route?.path])
      if (command.otherwise) {
        const { route: other, api, path } = command.otherwise
        expect(routeOf(other)).toMatchObject({ api, path, method: command.method })
      }
    },
  )

  it('reaches every route; what streams is a command of its own', () => {
    const reached = new Set(API_COMMANDS.flatMap(({ route, otherwise }) => [route, otherwise?.route]))
    expect(ROUTES.map(({ name }) => name).filter((name) => !reached.has(name))).toEqual(STREAMED)
  })

  const sentBy = (commands: readonly ApiCommand[], into: 'query' | 'body') =>
    commands.flatMap((command) => [
      ...(command[into] ?? []).map(({ name }) => name),
      ...(command.arguments ?? []).filter((one) => one.into === into).map(({ name }) => name),
      ...(into === 'body' ? Object.keys(command.sends ?? {}) : []),
    ])
  it.each(['query', 'body'] as const)('says all that routes take in their %s, and no more', (into) => {
    const differing = ROUTES.filter(({ name }) => !STREAMED.includes(name)).flatMap((route) => {
      const commands = API_COMMANDS.filter((one) => [one.route, one.otherwise?.route].includes(route.name))
      const takes = keysOf(route[into]).filter((name) => !CONDITIONS.includes(name))
      const says = new Set(sentBy(commands, into))
      return [
        ...takes.filter((name) => !says.has(name)).map((name) => `${route.name}: ${name} cannot be said`),
        ...[...says]
          .filter((name) => !takes.includes(name))
          .map((name) => `${route.name}: ${name} is not taken`),
      ]
    })
    expect(differing).toEqual([])
    expect(BY_VERB.every((name) => keysOf(routeOf('client.update')?.body).includes(name))).toBe(true)
  })

  it('asks before whatever ends something', () => {
    const ending = API_COMMANDS.filter(
      ({ method, name }) => method === 'DELETE' || /\b(?:disable|suspend|revoke|delete)\b/.test(name),
    )
    expect(ending.length).toBeGreaterThan(8)
    expect(ending.filter(({ asks }) => asks === undefined).map(({ name }) => name)).toEqual([])
  })

  it('has help with an example for each command that there is, and --json', async () => {
    const program = await openProgram([], true)
    const leaves = (command: Command): readonly Command[] =>
      command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
    const all = leaves(program)
    expect(all.length).toBeGreaterThan(45)
    const lacking = all.filter((command) => {
      let text = ''
      command.configureOutput({ writeOut: (more) => (text += more) })
      command.outputHelp()
      return (
        command.description() === '' ||
        !(text.includes('--json') || ['serve', 'quickstart', 'logout'].includes(command.name()))
      )
    })
    expect(lacking.map((command) => command.name())).toEqual([])
    expect(
      API_COMMANDS.filter(({ examples, name }) => !examples.every((one) => one.startsWith(name))).map(
        ({ name }) => name,
      ),
    ).toEqual([])
  })
})
