import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { migrations } from '../../migrations/index.ts'

const NAMES = Object.keys(migrations)

describe('the same schema, changes and stores on PGlite', () => {
  it('migrate up and down, make two tenants, and keep them apart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'regent-pglite-'))
    try {
      const story = ['--import', 'tsx', 'test/support/pglite-story.ts', folder]
      const { stdout } = await promisify(execFile)(process.execPath, story)
      expect(JSON.parse(stdout)).toEqual({
        roles: 3, // and no grants: a superuser needs none
        up: NAMES.length,
        down: 1,
        again: 1,
        status: { applied: NAMES, pending: [], unknown: [], regions: ['eu'] },
        user: 'postgres',
        own: { id: 'robot', credentials: 1, grants: 1 },
        seenOfOther: { client: 'nothing', tenants: ['rival'] },
        writtenToOther: '42501',
        usableAfterwards: 2,
      })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }, 60_000)
})
