import { shortest } from './shortest.ts'

describe('shortest', () => {
  const list = Array.from({ length: 100 }, (_, index) => index)

  it('finds the few that fail only together, in their order', async () => {
    const fails = async (part: readonly number[]) => part.includes(17) && part.includes(61)
    await expect(shortest(list, fails)).resolves.toEqual([17, 61])
  })

  it('keeps what fails when it may not try any further', async () => {
    const tried: number[] = []
    const part = await shortest(
      list,
      async (candidate) => {
        tried.push(candidate.length)
        return candidate.includes(99)
      },
      3,
    )
    expect(tried).toHaveLength(3)
    expect(part).toContain(99)
  })
})
