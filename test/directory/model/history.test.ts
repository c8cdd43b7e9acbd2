import { history, moments } from './history.ts'

describe('history', () => {
  it('says what a question may have met, and what a node may go on by', async () => {
    const tick = moments()
    const state = history(tick, 'old')
    const before = { from: tick(), to: tick() }
    let beside = { from: 0, to: 0 }
    const read = tick()
    await state.change(async () => {
      beside = { from: tick(), to: tick() }
      return 'new'
    })
    const after = { from: tick(), to: tick() }

    expect(state.during(before)).toEqual(['old'])
    expect(state.during(beside)).toEqual(['old', 'new'])
    expect(state.during(after)).toEqual(['new'])
    // A node that read the feed before the change, and one that read it afterwards.
    expect(state.since(read, after)).toEqual(['old', 'new'])
    expect(state.since(tick(), { from: tick(), to: tick() })).toEqual(['new'])
    state.forget(tick())
    expect(state.since(read, after)).toEqual(['new'])
  })
})
