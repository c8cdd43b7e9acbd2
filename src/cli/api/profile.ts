/**
 * Profiles: which server, as which client, with its secret. Each is a file of its own that only its owner can read; one that others
 * can read is not used.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { writePrivateFile } from '../data-folder.ts'
import { CommandFault, EXIT } from '../exit-code.ts'

const PROFILE = z.object({
  url: z.string(),
  client_id: z.string(),
  client_secret: z.string(),
  /** In PEM. */
  ca_file: z.string().optional(),
  /** The one that is meant where none is named. */
  workspace: z.string().optional(),
})
export type Profile = z.output<typeof PROFILE>

export const DEFAULT_PROFILE = 'default'
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/
const ENDING = '.json'

/** @throws CommandFault where there is none, where others can read it, or where it is damaged */
export function readProfile(folder: string, name: string): Profile {
  const path = pathOf(folder, name)
  let text: string
  try {
    const { mode } = statSync(path)
    if ((mode & 0o077) !== 0)
      throw new CommandFault(
        EXIT.notAllowed,
        `${path} can be read by others on this machine: chmod 600 it, and rotate its secret if they are not to be trusted.`,
      )
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof CommandFault) throw cause
    throw new CommandFault(EXIT.notAllowed, notThere(folder, name), { cause })
  }
  try {
    return PROFILE.parse(JSON.parse(text))
  } catch (cause) {
    throw new CommandFault(EXIT.refused, `${path} is damaged: log in again.`, { cause })
  }
}

export function writeProfile(folder: string, name: string, profile: Profile): string {
  const path = pathOf(folder, name)
  mkdirSync(join(folder, 'profiles'), { recursive: true, mode: 0o700 })
  writePrivateFile(path, `${JSON.stringify(profile, null, 2)}\n`)
  return path
}

/** @returns whether there was one */
export function removeProfile(folder: string, name: string): boolean {
  const path = pathOf(folder, name)
  const there = listProfiles(folder).includes(name)
  rmSync(path, { force: true })
  return there
}

export function listProfiles(folder: string): readonly string[] {
  try {
    return readdirSync(join(folder, 'profiles'))
      .filter((file) => file.endsWith(ENDING))
      .map((file) => file.slice(0, -ENDING.length))
      .toSorted()
  } catch {
    return []
  }
}

function pathOf(folder: string, name: string): string {
  if (!NAME.test(name))
    throw new CommandFault(
      EXIT.usage,
      'A profile is named with letters, digits, dots, hyphens and underscores, as in --profile acme-eu.',
    )
  return join(folder, 'profiles', name + ENDING)
}

function notThere(folder: string, name: string): string {
  const others = listProfiles(folder)
  const known = others.length === 0 ? '' : ` There are ${others.join(', ')}.`
  const which = name === DEFAULT_PROFILE ? '' : ` --profile ${name}`
  return `There is no profile ${name}.${known} Log in first: regent login${which} --url … --client-id … (or set REGENT_URL, REGENT_CLIENT_ID and REGENT_CLIENT_SECRET).`
}
