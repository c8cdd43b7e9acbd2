/** What settings cost, in sentences for people: figures that docs/figures.md has the measurement of. */
import type { Config } from '../config.ts'

/** Of a row of the issuance log with its part of the index. */
const BYTES_A_ROW = 340
const TOKENS_A_SECOND = 1000
const SECONDS_A_DAY = 86_400

export function settingCosts({ issuance }: Pick<Config, 'issuance'>): readonly string[] {
  const { mode, keepDays } = issuance
  if (mode === 'off') return ['REGENT_ISSUANCE_LOG=off: nobody can say afterwards who got which token.']
  const gigabytesADay = (BYTES_A_ROW * TOKENS_A_SECOND * SECONDS_A_DAY) / 1e9
  const kept = Math.round(gigabytesADay * (keepDays + 1))
  const wait =
    mode === 'durable'
      ? ' Each token waits for a commit, and there is none without the database.'
      : ' Nobody waits for it; what the database cannot take is dropped and counted.'
  return [
    `REGENT_ISSUANCE_LOG=${mode}: some ${BYTES_A_ROW} bytes a token. At ${TOKENS_A_SECOND} tokens a second ${Math.round(gigabytesADay)} GB a day, ` +
      `and ${kept} GB in all with REGENT_ISSUANCE_LOG_DAYS=${keepDays}.${wait}`,
  ]
}
