import { restartWithImported } from './imported-restart.ts'

describe('restarts with imported clients (T17)', () => {
  const CLIENTS = 120
  const WEAK = 60

  it('refuse none of them after its first use ever; where no digest is stored, none for good', async () => {
    const rounds = await restartWithImported({
      clients: CLIENTS,
      weak: WEAK,
      bcryptCost: 4,
      databaseTimeout: 20_000,
    })
    const others = rounds.filter(({ mayBeTold }) => !mayBeTold)
    expect(others.map(({ name, answers }) => [name, answers])).toEqual([
      ['first use ever', { 200: CLIENTS }],
      ['all at once of a node that was restarted', { 200: CLIENTS }],
      ['no digest stored, first use', { 200: WEAK }],
      ['no digest stored, all at once', { 200: WEAK }],
      ['all at once of a node that was killed and started', { 200: CLIENTS }],
      ['no digest stored, all at once again', { 200: WEAK }],
    ])
    const { 429: _told, ...rest } = rounds.find(({ mayBeTold }) => mayBeTold)?.answers ?? {}
    expect(rest).toEqual({ 200: WEAK })
  }, 300_000)
})
