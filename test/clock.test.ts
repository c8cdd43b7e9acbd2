import { steadyClock } from '../src/clock.ts'

describe('the clock that tokens are issued by', () => {
  let wall: number
  let steady: number
  beforeEach(() => {
    wall = 1_790_000_000_500
    steady = 7000
  })
  const open = () =>
    steadyClock(
      () => wall,
      () => steady,
    )
  const pass = (milliseconds: number) => {
    wall += milliseconds
    steady += milliseconds
  }

  it('T75 never runs backwards: found ahead, it stands still until it is right again', () => {
    const clock = open()
    clock.confirm?.(wall - steady)
    expect(clock.now()).toBe(1_790_000_000)
    wall -= 4000
    clock.confirm?.(wall - steady)
    expect(clock.now()).toBe(1_790_000_000)
    pass(3999)
    expect(clock.now()).toBe(1_790_000_000)
    pass(1001)
    expect(clock.now()).toBe(1_790_000_001)
  })

  it.each([3_600_000, -3_600_000])(
    'T75 goes on as it did when the wall clock is set by %d ms, until that is confirmed',
    (jump) => {
      const clock = open()
      clock.confirm?.(wall - steady)
      wall += jump
      expect(clock.now()).toBe(1_790_000_000)
      pass(2000)
      expect(clock.now()).toBe(1_790_000_002)
      wall -= jump - 1000
      clock.confirm?.(wall - steady)
      expect(clock.now()).toBe(1_790_000_003)
    },
  )

  it('T75 remembers nothing of what was never confirmed', () => {
    const clock = open()
    wall += 3_600_000
    expect(clock.now()).toBe(1_790_003_600)
    wall -= 3_600_000
    clock.confirm?.(wall - steady)
    expect(clock.now()).toBe(1_790_000_000)
  })
})
