import { restartUnderLoad } from './restarts.ts'

describe('restarts behind a balancer that obeys readiness (T73)', () => {
  it('fail no request, and each node ends well', async () => {
    const { requests, failures, exits } = await restartUnderLoad({ restarts: 3, drain: 1, connections: 4 })
    expect(failures).toEqual({})
    expect(exits).toEqual([0, 0, 0])
    // Each restart met a load.
    expect(requests).toBeGreaterThan(100)
  }, 180_000)
})
