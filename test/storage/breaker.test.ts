/** A database that does not answer is not waited for again and again; it is noticed when it is back. */
import { breaker, guarded } from '../../src/storage/breaker.ts'
import { database } from '../../src/storage/transaction.ts'
import { openPostgres } from '../../src/storage/open-postgres.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { openMigratedDatabase } from '../support/world.ts'

const refused = () => Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))
const wrong = () => Promise.reject(Object.assign(new Error('no such table'), { code: '42P01' }))

describe('a breaker', () => {
  const open = (random = () => 0.5) => {
    let now = 0
    const changes: boolean[] = []
    const one = breaker({ monotonic: () => now, random, onChange: (isOpen) => changes.push(isOpen) })
    const ask = async (work: () => Promise<unknown>) => {
      let asked = false
      const error = await one
        .guard(() => {
          asked = true
          return work()
        })
        .then(
          () => undefined,
          (fault: unknown) => Object(fault).code as string,
        )
      return { asked, error }
    }
    return { one, ask, changes, pass: (milliseconds: number) => (now += milliseconds) }
  }

  it('opens after three failures in a row, and then refuses without asking', async () => {
    const { one, ask, changes } = open()
    for (let n = 0; n < 2; n++) await ask(refused)
    await ask(async () => 'fine')
    for (let n = 0; n < 2; n++) await ask(refused)
    expect(one.isOpen()).toBe(false)
    expect(await ask(refused)).toEqual({ asked: true, error: 'ECONNREFUSED' })
    expect(one.isOpen()).toBe(true)
    expect(await ask(refused)).toEqual({ asked: false, error: 'EHOSTDOWN' })
    expect(changes).toEqual([true])
  })

  it('does not take an answer for a failure, whatever the answer', async () => {
    const { one, ask } = open()
    for (let n = 0; n < 2; n++) await ask(refused)
    await ask(wrong)
    for (let n = 0; n < 2; n++) await ask(refused)
    expect(one.isOpen()).toBe(false)
  })

  it('lets one try after a pause, the others not meanwhile, and closes when it is answered', async () => {
    const { one, ask, changes, pass } = open()
    for (let n = 0; n < 3; n++) await ask(refused)
    pass(999)
    expect((await ask(refused)).asked).toBe(false)
    pass(1)
    let answer = () => {}
    const trying = ask(() => new Promise<void>((resolve) => (answer = resolve)))
    expect((await ask(refused)).asked).toBe(false)
    answer()
    await trying
    expect(one.isOpen()).toBe(false)
    expect((await ask(async () => 'fine')).asked).toBe(true)
    expect(changes).toEqual([true, false])
  })

  it('waits another pause when the one that tried failed', async () => {
    const { ask, pass, changes } = open()
    for (let n = 0; n < 3; n++) await ask(refused)
    pass(1000)
    expect((await ask(refused)).asked).toBe(true)
    expect((await ask(refused)).asked).toBe(false)
    pass(1000)
    expect((await ask(async () => 'fine')).asked).toBe(true)
    expect(changes).toEqual([true, false])
  })

  it.each([
    [0, 500],
    [1, 1500],
  ])('spreads its pauses: with %d from the dice it is %d ms', async (dice, pause) => {
    const { ask, pass } = open(() => dice)
    for (let n = 0; n < 3; n++) await ask(refused)
    pass(pause - 1)
    expect((await ask(refused)).asked).toBe(false)
    pass(1)
    expect((await ask(refused)).asked).toBe(true)
  })
})

describe('T61 a real database behind a breaker', () => {
  it('that refuses is given up, not asked for a while, and found again', async () => {
    const home = await openMigratedDatabase()
    const url = new URL(home.urls.login)
    const proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port) })
    url.port = String(proxy.port)
    const pool = await openPostgres({
      url: url.href,
      variable: 'DATABASE_URL',
      connections: 2,
      connectTimeout: 300,
    })
    const states: boolean[] = []
    const one = breaker({ monotonic: () => performance.now(), onChange: (isOpen) => states.push(isOpen) })
    const limits = { statement: 300, lock: 300, idle: 300, deadline: 400 }
    const asked = guarded(database(pool, limits), one)
    const ask = () =>
      asked
        .asOperator(({ db }) => db.selectFrom('change_counter').selectAll().execute())
        .then(
          (rows) => rows.length,
          (error: unknown) => Object(error).code ?? String(error),
        )
    try {
      expect(await ask()).toBe(4)
      await proxy.cut()
      while (!one.isOpen()) await ask()
      expect(await ask()).toBe('EHOSTDOWN')
      await proxy.mend()
      while ((await ask()) !== 4) await new Promise((resolve) => setTimeout(resolve, 50))
      expect(states).toEqual([true, false])
    } finally {
      await pool.end()
      await proxy.cut()
      await home.drop()
    }
  }, 30_000)
})
