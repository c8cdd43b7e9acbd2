/** The floors and invariants of ARCHITECTURE.md that a machine can check. */
import { readSource, type SourceFile } from './source.ts'

/** From the ground up; a room uses itself and the floors below, never a neighbour. The ground floor is one hall. */
const FLOORS: readonly (readonly string[])[] = [
  ['oauth', 'observe', 'exchange.ts', 'ids.ts', 'clock.ts'],
  ['storage', 'sealing', 'outbound'],
  ['tenancy'],
  ['clients', 'keys'],
  ['directory', 'changes', 'records'],
  ['tokens'],
  ['grants'],
  ['endpoints', 'admin', 'pages', 'console', 'chores'],
  ['main.ts', 'config.ts', 'config', 'server', 'cli'],
]
/** Apart: exported on its own, so it uses the ground only, and the roof may use it. */
const APART = 'resource-server'

const GROUND = 0
const ROOF = FLOORS.length - 1
const files = readSource()
const floorOf = (room: string) => FLOORS.findIndex((rooms) => rooms.includes(room))
const roomOf = (path: string) => path.split('/')[1] ?? ''
const where = (found: readonly SourceFile[]) => found.map(({ path }) => path)

describe('the house', () => {
  it('has only the rooms of the plan, none of them a heap', () => {
    const rooms = new Set(files.map(({ room }) => room))
    rooms.delete(APART)
    expect([...rooms].filter((room) => floorOf(room) === -1)).toEqual([])
    expect(
      files.filter(({ path }) => /(?:^|\/)(?:helpers?|utils?|common|shared|lib)(?:\/|\.ts$)/.test(path)),
    ).toEqual([])
  })

  it.each(files.map((file) => [file.path, file] as const))(
    '%s uses its own room and the floors below',
    (_path, file) => {
      const own = file.room === APART ? GROUND : floorOf(file.room)
      const wrong = file.imports.filter((path) => {
        if (path.startsWith('migrations/')) return file.room !== 'storage'
        const room = roomOf(path)
        if (room === file.room) return false
        if (room === APART) return own !== ROOF
        const floor = floorOf(room)
        const oneHall = own === GROUND || own === ROOF
        return floor > own || (floor === own && !oneHall)
      })
      expect(wrong).toEqual([])
    },
  )

  it('has no cycles', () => {
    const byPath = new Map(files.map((file) => [file.path, file]))
    const done = new Set<string>()
    const visit = (path: string, way: readonly string[]): void => {
      if (way.includes(path)) throw new Error(`cycle: ${[...way, path].join(' -> ')}`)
      if (done.has(path)) return
      for (const next of byPath.get(path)?.imports ?? []) visit(next, [...way, path])
      done.add(path)
    }
    expect(() => files.forEach(({ path }) => visit(path, []))).not.toThrow()
  })

  it('has one file that reads the environment', () => {
    expect(where(files.filter(({ text }) => /process\s*\.\s*env\b/.test(text)))).toEqual(['src/config.ts'])
  })

  it('has one place that signs', () => {
    const signs = ({ text }: SourceFile) =>
      /\b(?:sign|createSign)\b[^;\n]*from 'node:crypto'|\bSignJWT\b|subtle\.sign/.test(text)
    expect(where(files.filter(signs))).toEqual(['src/keys/sign.ts'])
    const users = files.filter(({ imports }) => imports.includes('src/keys/sign.ts'))
    expect(where(users)).toEqual(['src/tokens/issue-access-token.ts'])
  })

  it('knows HTTP at the doors and above only: node:http, Express and helmet on the roof', () => {
    const http = files.filter(({ packages }) =>
      packages.some((name) => /^(?:node:https?|express|helmet)$/.test(name)),
    )
    expect(http.filter(({ room }) => floorOf(room) !== ROOF && room !== APART)).toEqual([])
  })

  it("knows traces in two places, through OpenTelemetry's api, and no SDK", () => {
    const asking = files.filter(({ packages }) => packages.some((name) => name.startsWith('@opentelemetry/')))
    expect(where(asking).toSorted()).toEqual(['src/observe/tracing.ts', 'src/server/request-spans.ts'])
    const packages = asking.flatMap((file) => file.packages.filter((name) => name.includes('opentelemetry')))
    expect(new Set(packages)).toEqual(new Set(['@opentelemetry/api']))
  })

  it('writes rows in stores only, and settings through changes only', () => {
    const writesRows = files.filter(({ text }) =>
      /\b(?:insertInto|updateTable|deleteFrom|mergeInto)\(/.test(text),
    )
    expect(where(writesRows).filter((path) => !path.endsWith('-store.ts'))).toEqual([])
    const calls = /\.(?:insert|update|upsert|delete|append|move|revoke)[A-Z]\w*\(/
    const callers = files.filter(({ path, text }) => !path.endsWith('-store.ts') && calls.test(text))
    expect(
      [...new Set(callers.map(({ room }) => room))].filter((room) => !['changes', 'records'].includes(room)),
    ).toEqual([])
  })

  it('puts SQL together by hand in one file only', () => {
    const raw = files.filter(({ text }) => /\bsql\.raw\b/.test(text))
    expect(where(raw)).toEqual([])
    const opening = files.filter(({ text }) => /SET LOCAL/.test(text))
    expect(where(opening)).toEqual(['src/storage/transaction.ts'])
  })

  it('lets a grant only propose', () => {
    const grants = files.filter(({ room }) => room === 'grants')
    const allowed = ['clients', 'oauth', 'grants', 'ids.ts', 'tenancy']
    const reached = grants.flatMap(({ imports }) => imports.map(roomOf))
    expect(reached.filter((room) => !allowed.includes(room))).toEqual([])
  })

  it('makes pages of addresses, and of nothing that is stored', () => {
    const reached = files.filter(({ room }) => room === 'pages').flatMap(({ imports }) => imports)
    expect(
      reached.map(roomOf).filter((room) => !['exchange.ts', 'oauth', 'pages', 'tenancy'].includes(room)),
    ).toEqual([])
    expect(reached.filter((path) => /store|tenant\.ts$/.test(path))).toEqual([])
  })

  it('splits files before they have 400 lines, and has none over 200 without a reason', () => {
    const reasons: Record<string, string> = {
      'src/storage/schema.ts': 'a line for each column that there is',
    }
    const long = files
      .map(({ path, text }) => ({ path, lines: text.split('\n').length }))
      .filter(({ lines }) => lines > 200)
    expect(long.filter(({ path, lines }) => lines > 400 || !(path in reasons))).toEqual([])
  })

  it('starts every file with what it is for', () => {
    const starts = /^(?:#!.*\n)?\/\*\*/
    expect(where(files.filter(({ text }) => !starts.test(text)))).toEqual([])
  })
})
