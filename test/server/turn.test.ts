import { setImmediate as nextTurn } from 'node:timers/promises'
import { turnTaker } from '../../src/server/turn.ts'

describe('turns of the event loop', () => {
  it('let whoever was read in one turn go on behind all reading, in order, 64 at a time', async () => {
    const endOfReading = turnTaker()
    const answered: number[] = []
    const read = (id: number) => void endOfReading().then(() => answered.push(id))
    for (let id = 0; id < 150; id += 1) read(id)
    await Promise.resolve()
    const counts = [answered.length]
    for (let turn = 0; turn < 3; turn += 1) {
      await nextTurn()
      counts.push(answered.length)
    }
    expect(counts).toEqual([0, 64, 128, 150])
    expect(answered).toEqual(Array.from({ length: 150 }, (_, id) => id))

    read(150)
    await nextTurn()
    expect(answered).toHaveLength(151)
  })

  it('take in meanwhile whoever comes, behind the others', async () => {
    const endOfReading = turnTaker()
    const answered: string[] = []
    const take = (name: string) => endOfReading().then(() => answered.push(name))
    const first = take('first').then(() => take('third'))
    await Promise.all([first, take('second')])
    expect(answered).toEqual(['first', 'second', 'third'])
  })
})
