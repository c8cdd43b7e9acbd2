/** Comparisons with hashes of each form, and what is left to do after one that failed. */
import { hashSync } from 'bcrypt'
import fc from 'fast-check'
import { compareHash, restOf } from '../../src/clients/compare-hash.ts'
import { MAX_BCRYPT_COST, MAX_ITERATIONS } from '../../src/clients/hash-forms.ts'

describe('compareHash', () => {
  // Made with Python's hashlib.
  const PBKDF2 = [
    [
      'some-secret-of-hydra',
      '$pbkdf2-sha256$i=25000,l=32$AAECAwQFBgcICQoLDA0ODw$Z4qHcyrQC04D3zR6ahhTn1QxPJFtxaYA+vuhvamk5Yk',
    ],
    [
      'another',
      '$pbkdf2-sha256$i=1000,l=32$c2l4dGVlbiBieXRlcyBvaw$YhDEO1kux+2DSS7Qk5EN14SV8Te+o5NdpyJPOM/EWos',
    ],
  ] as const

  it.each([...PBKDF2, ['secret', hashSync('secret', 4)] as const])(
    'knows %s by its hash',
    async (secret, hash) => {
      for (const failing of [undefined, { bcryptCost: 4, iterations: 30_000, anyway: true }]) {
        expect(await compareHash(secret, hash, failing)).toBe(true)
        expect(await compareHash(`${secret}.`, hash, failing)).toBe(false)
        expect(await compareHash('', hash, failing)).toBe(false)
      }
    },
  )

  it('does not compare with what is no hash', async () => {
    expect(await compareHash('', '$pbkdf2-sha256$i=1000,l=32$$')).toBe(false)
    expect(await compareHash('', '')).toBe(false)
  })
})

describe('restOf', () => {
  const rounds = (bcryptCost: number) => (bcryptCost === 0 ? 0 : 2 ** bcryptCost)
  const sum = (works: readonly { readonly bcryptCost: number; readonly iterations: number }[]) => ({
    rounds: works.reduce((all, work) => all + rounds(work.bcryptCost), 0),
    iterations: works.reduce((all, { iterations }) => all + iterations, 0),
  })
  const cost = fc.integer({ min: 4, max: MAX_BCRYPT_COST })
  const iterations = fc.nat({ max: MAX_ITERATIONS })

  it('T15 makes each attempt of a workspace take the same, to the round and the iteration', () => {
    const owns = fc.oneof(
      cost.map((bcryptCost) => ({ bcryptCost, iterations: 0 })),
      fc.integer({ min: 1, max: MAX_ITERATIONS }).map((own) => ({ bcryptCost: 0, iterations: own })),
    )
    fc.assert(
      fc.property(owns, fc.record({ bcryptCost: cost, iterations }), (own, least) => {
        const most = {
          bcryptCost: Math.max(own.bcryptCost, least.bcryptCost),
          iterations: Math.max(own.iterations, least.iterations),
        }
        expect(sum([own, ...restOf(own, most)])).toEqual(sum([most]))
      }),
    )
  })

  it('adds nothing where all hashes are alike', () => {
    expect(restOf({ bcryptCost: 10, iterations: 0 }, { bcryptCost: 10, iterations: 0 })).toEqual([])
    // A lower setting than an old hash was made with takes nothing back.
    expect(restOf({ bcryptCost: 12, iterations: 0 }, { bcryptCost: 10, iterations: 0 })).toEqual([])
  })
})
