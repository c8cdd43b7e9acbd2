/** What a replica says is believed where it is of use, and never that a row cannot be used: the primary may have a better one. */
import { readThrough } from '../../src/directory/read-through.ts'
import { openMigratedDatabase } from '../support/world.ts'

describe('a reading', () => {
  let home: Awaited<ReturnType<typeof openMigratedDatabase>>
  beforeAll(async () => {
    home = await openMigratedDatabase()
  })
  afterAll(() => home.drop())

  it('of a replica that has a key which does not open any more is asked of the primary', async () => {
    const primary = home.database
    const replica = { ...home.database }
    const read = readThrough({
      primary,
      replica,
      feedNumber: () => 0,
      generation: () => 0,
      monotonic: () => performance.now(),
      onRegress() {},
    })
    const asked: string[] = []
    const ofRow = async (database: object) => {
      asked.push(database === primary ? 'primary' : 'replica')
      if (database !== primary) throw new Error('the master key 2025 is not known')
      return { number: 0, value: 'key' }
    }
    expect(await read(ofRow, () => true)).toMatchObject({ value: 'key', fromPrimary: true })
    expect(asked).toEqual(['replica', 'primary'])
    // Where the primary has no better one, it is so.
    const damaged = async () => {
      throw new Error('it cannot be used')
    }
    await expect(read(damaged, () => true)).rejects.toThrow('it cannot be used')
  })
})
