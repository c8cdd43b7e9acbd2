import { steadyClock } from '../src/clock.ts'

describe('the clock that tokens are issued by', () => {
  it('T75 never runs backwards: set back, it stands still until it is right again', () => {
    let now = 1_790_000_000_500
    const clock = steadyClock(() => now)
    expect(clock.now()).toBe(1_790_000_000)
    now -= 300_000
    expect(clock.now()).toBe(1_790_000_000)
    now += 299_900
    expect(clock.now()).toBe(1_790_000_000)
    now += 1100
    expect(clock.now()).toBe(1_790_000_001)
  })
})
