import { measureEnumeration } from './enumeration.ts'

describe('failing attempts of each kind, over kept connections to a process (T15)', () => {
  it('are answered with the same bytes, and nobody is sent away', async () => {
    const each = 50
    const { attempts, answers, pairs, controls } = await measureEnumeration({
      each,
      clients: 10,
      lanes: 20,
      rest: 0,
      minutes: 10,
      onProgress: () => {},
    })
    expect(attempts).toBe(each * 8)
    // The issuer of its workspace stands in the challenge.
    const counted = answers.map(({ answer, ways }) => [answer.split(' ')[1], ways] as const)
    expect(new Map(counted.map(([, ways]) => [Object.keys(ways)[0]?.split(',')[0], ways]))).toEqual(
      new Map(
        ['generated', 'imported'].map((workspace) => [
          workspace,
          Object.fromEntries(
            ['unknown', 'wrong', 'disabled', 'expired'].map((kind) => [`${workspace}, ${kind}`, each]),
          ),
        ]),
      ),
    )
    expect(counted.map(([status]) => status)).toEqual(['401', '401'])
    // Each two kinds of a workspace are compared, and each kind with itself.
    expect([pairs.length, controls.length]).toEqual([12, 8])
  }, 240_000)
})
