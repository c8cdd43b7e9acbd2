import { floodWithWrongSecrets } from './wrong-secrets.ts'

describe('a flood of wrong secrets (T16, T17)', () => {
  it('refuses no known client, and no imported client at its first use', async () => {
    // At this cost the line of the flooded tenant is full.
    const outcome = await floodWithWrongSecrets({
      seconds: 8,
      rate: 100,
      cold: 1,
      tenants: 1,
      each: 2,
      bcryptCost: 9,
      databaseTimeout: 20_000,
    })
    const { flood, known, cold, refusals, exit } = outcome
    expect(Object.keys(flood).toSorted()).toEqual(['401 invalid_client', '429 temporarily_unavailable'])
    expect(refusals['429 hash_queue_full']).toBeGreaterThan(0)
    expect(Object.entries(known).filter(([, counts]) => Object.keys(counts).join() !== '200')).toEqual([])
    expect(Object.keys(known)).toHaveLength(5)
    expect(cold['the calm tenant']).toEqual({ 200: 8 })
    expect(Object.keys(cold['the flooded tenant'] ?? {})).toEqual(['200'])
    expect(exit).toBe(0)
  }, 300_000)
})
