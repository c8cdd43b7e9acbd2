import { newRandomId } from '../src/ids.ts'

describe('random ids', () => {
  it('are 128 bits in 22 characters, each another one', () => {
    const ids = Array.from({ length: 100_000 }, newRandomId)
    expect(ids.filter((id) => !/^[\w-]{21}[AQgw]$/.test(id))).toEqual([])
    expect(new Set(ids).size).toBe(ids.length)
    // No half of one is a half of another: each byte was handed out once.
    expect(new Set(ids.flatMap((id) => [id.slice(0, 10), id.slice(-11)])).size).toBe(2 * ids.length)
  })
})
