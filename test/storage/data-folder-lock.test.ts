import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { lockDataFolder } from '../../src/storage/data-folder-lock.ts'
import { OperatorError } from '../../src/storage/operator-error.ts'

const MODULE = JSON.stringify(resolve('src/storage/data-folder-lock.ts'))
const DEAD = { id: '00000000-0000-4000-8000-000000000001', pid: 4_194_303, started: '1', host: hostname() }

async function kill(child: ChildProcess) {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

describe('the lock of a data folder', () => {
  let root: string
  let folder: string
  let lock: string
  const children: ChildProcess[] = []

  beforeEach(() => {
    root = fs.mkdtempSync(join(tmpdir(), 'regent-test-lock-'))
    folder = join(root, 'data')
    lock = join(folder, 'lock')
  })
  afterEach(async () => {
    for (const child of children.splice(0)) await kill(child)
    fs.rmSync(root, { recursive: true })
  })

  /** A process that runs the script, which may lock, and stays. Resolves with the first line it prints. */
  async function run(script: string, env: NodeJS.ProcessEnv = {}) {
    const source = `import { lockDataFolder } from ${MODULE}; ${script}; setInterval(() => {}, 1000)`
    const flags = ['--import', 'tsx', '--input-type=module', '-e', source]
    const child = spawn(process.execPath, flags, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    children.push(child)
    const text = await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => 'exited')])
    return { child, said: text.toString().trim() }
  }

  const holdIt = () => `lockDataFolder(${JSON.stringify(folder)}); console.log('locked')`

  function lay(holder: unknown) {
    fs.mkdirSync(folder, { recursive: true })
    fs.writeFileSync(lock, typeof holder === 'string' ? holder : JSON.stringify(holder))
  }

  function read(): typeof DEAD {
    return JSON.parse(fs.readFileSync(lock, 'utf8'))
  }

  function refusal() {
    try {
      lockDataFolder(folder).release()
    } catch (error) {
      if (error instanceof OperatorError) return error.message
      throw error
    }
    throw new Error('was not refused')
  }

  it('makes the folder, for its owner only, and names its holder in a file for the owner only', () => {
    const held = lockDataFolder(folder)
    expect(fs.statSync(folder).mode & 0o777).toBe(0o700)
    expect(fs.statSync(lock).mode & 0o777).toBe(0o600)
    expect(read()).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      pid: process.pid,
      started: expect.stringMatching(/./),
      host: hostname(),
    })
    held.release()
    expect(fs.readdirSync(folder)).toEqual([])
    held.release() // twice is as good
    lockDataFolder(folder).release()
  })

  it('refuses a second one in the same process', () => {
    const held = lockDataFolder(folder)
    expect(refusal()).toContain(String(process.pid))
    expect(fs.readdirSync(folder)).toEqual(['lock'])
    held.release()
  })

  it('does not release the lock of another', () => {
    const held = lockDataFolder(folder)
    lay({ ...read(), id: DEAD.id })
    held.release()
    expect(read().id).toBe(DEAD.id)
  })

  it('refuses while a process holds it, naming folder, pid and remedy in one sentence', async () => {
    const { child } = await run(holdIt())
    const before = fs.readFileSync(lock, 'utf8')
    const message = refusal()
    expect(message).toContain(folder)
    expect(message).toContain(String(child.pid))
    expect(message).toMatch(/stop that process, or choose another folder\.$/)
    expect(message).not.toMatch(/\. [A-Z]/)
    expect(fs.readFileSync(lock, 'utf8')).toBe(before)
  })

  it('is taken over from a process that was killed with -9', async () => {
    const { child } = await run(holdIt())
    await kill(child)
    expect(read().pid).toBe(child.pid)
    const held = lockDataFolder(folder)
    expect(read().pid).toBe(process.pid)
    expect(fs.readdirSync(folder)).toEqual(['lock'])
    held.release()
  })

  it.each([
    ['the own pid, as in a restarted container', process.pid],
    ['the pid of a process that runs', process.ppid],
  ])('is taken over when %s has another start time', (_case, pid) => {
    lay({ ...DEAD, pid })
    lockDataFolder(folder).release()
    expect(fs.readdirSync(folder)).toEqual([])
  })

  const linuxOnly = process.platform === 'linux' ? describe : describe.skip

  linuxOnly('by what /proc says', () => {
    it('is taken over from a process of which only the exit code is left', async () => {
      const shell = spawn('/bin/sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 30'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      children.push(shell)
      const pid = Number(String(await once(shell.stdout, 'data')))
      const stat = () =>
        fs
          .readFileSync(`/proc/${pid}/stat`, 'utf8')
          .replace(/^.*\) /, '')
          .split(' ')
      lay({ ...DEAD, pid, started: stat()[19] })
      expect(refusal()).toContain(String(pid))
      while (stat()[0] !== 'Z') await sleep(20)
      lockDataFolder(folder).release()
    })

    it('reads the start time of a process whose name looks like the fields before it', async () => {
      await run(`process.title = 'a) S 1 2'; ${holdIt()}`)
      const { pid, started } = read()
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
      expect(stat).toContain('(a) S 1 2)')
      expect(started).toBe(stat.replace('(a) S 1 2)', 'name').split(' ')[21])
    })
  })

  it('asks ps for the start time where there is no /proc', async () => {
    const elsewhere = "Object.defineProperty(process, 'platform', { value: 'darwin' })"
    const { child } = await run(`${elsewhere}; ${holdIt()}`, { TZ: 'WEST8' })
    expect(read().started).toMatch(/^[A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d \d{4}$/)

    const tryIt = `try { ${holdIt()} } catch (error) { console.log(error.message) }`
    expect((await run(`${elsewhere}; ${tryIt}`, { TZ: 'EAST-8' })).said).toContain(`process ${child.pid}`)
    await kill(child)
    expect((await run(`${elsewhere}; ${tryIt}`)).said).toBe('locked')
  })

  it('refuses the lock of another host, naming the file to delete and when', () => {
    lay({ ...DEAD, host: 'elsewhere' })
    const message = refusal()
    expect(message).toContain('elsewhere')
    expect(message).toContain(`delete ${lock}.`)
    expect(message).not.toMatch(/\. [A-Z]/)
    expect(read().host).toBe('elsewhere')
  })

  it.each([
    ['nothing', ''],
    ['half of a lock', '{"id":"00000000-0000'],
    ['null', 'null'],
    ['no names', '{}'],
    ['an id that is a path', { ...DEAD, id: '../../lock' }],
    ['an id that is no string', { ...DEAD, id: 7 }],
    ['a pid that means a group of processes', { ...DEAD, pid: 0 }],
    ['a pid that is no number', { ...DEAD, pid: '77' }],
    ['no start time', { ...DEAD, started: undefined }],
    ['no host', { ...DEAD, host: undefined }],
  ])('refuses a file that holds %s, naming it, and leaves it alone', (_case, holder) => {
    lay(holder)
    const before = fs.readFileSync(lock, 'utf8')
    const message = refusal()
    expect(message).toContain(lock)
    expect(message).toContain('delete that file')
    expect(fs.readFileSync(lock, 'utf8')).toBe(before)
    expect(fs.readdirSync(folder)).toEqual(['lock'])
  })

  it('refuses a folder that cannot be one, with the remedy', () => {
    fs.writeFileSync(folder, 'a file')
    expect(refusal()).toMatch(/cannot be locked .*Choose another folder/)
  })

  it('is taken over although another died while taking it over', () => {
    lay(DEAD)
    const claim = join(folder, `lock.${DEAD.id}`)
    fs.writeFileSync(claim, JSON.stringify({ ...DEAD, id: DEAD.id.replace(/1$/, '2') }))
    const held = lockDataFolder(folder)
    expect(read().pid).toBe(process.pid)
    expect(fs.readdirSync(folder)).toEqual(['lock'])
    held.release()
  })

  it('is left to the one that is taking it over', () => {
    lay(DEAD)
    const other = lockDataFolder(join(root, 'other'))
    fs.copyFileSync(join(root, 'other', 'lock'), join(folder, `lock.${DEAD.id}`))
    expect(refusal()).toContain(`process ${process.pid}`)
    expect(read()).toEqual(DEAD)
    other.release()
  })

  it('removes what was being written by processes that died long ago', () => {
    fs.mkdirSync(folder)
    const old = join(folder, `lock.${DEAD.id}.new`)
    const young = join(folder, `lock.${DEAD.id.replace(/1$/, '2')}.new`)
    for (const draft of [old, young]) fs.writeFileSync(draft, '{}')
    fs.utimesSync(old, Date.now() / 1000 - 120, Date.now() / 1000 - 120)
    lockDataFolder(folder).release()
    expect(fs.readdirSync(folder)).toEqual([basename(young)])
  })

  it('has one winner when several processes find a dead one at once', async () => {
    const rounds = Array.from({ length: 60 }, (_, round) => join(root, `round-${round}`))
    for (const round of rounds) {
      fs.mkdirSync(round)
      fs.writeFileSync(join(round, 'lock'), JSON.stringify(DEAD))
    }
    const startAt = Date.now() + 3_000
    const script = `
      const won = []
      const rounds = ${JSON.stringify(rounds)}
      rounds.forEach((folder, round) => {
        while (Date.now() < ${startAt} + 15 * round);
        try { lockDataFolder(folder); won.push(round) } catch (error) { if (error.name !== 'OperatorError') throw error }
      })
      console.log(JSON.stringify(won))`
    const winners = await Promise.all(
      [0, 1, 2, 3].map(async () => {
        const won: number[] = JSON.parse((await run(script)).said)
        return won
      }),
    )
    expect(Date.now()).toBeGreaterThan(startAt)
    expect(winners.flat().toSorted((a, b) => a - b)).toEqual(rounds.map((_, round) => round))
    for (const round of rounds) expect(fs.readdirSync(round)).toEqual(['lock'])
  })
})
