/**
 * How a variable is read: by its name, or from the file that `NAME_FILE` names. Holds no list of variables, and reads no
 * environment: the reader is given one. Faults are collected, so that all are reported at once.
 */
import { readFileSync } from 'node:fs'
import type { Region } from '../tenancy/region.ts'

export type Variables = (name: string) => string | undefined

/** What variables of one region end with. */
export const REGION_SUFFIXES: Record<Region, string> = { none: '', au: '_AU', eu: '_EU', us: '_US' }

/** A variable that is set: faults name it, and its value may be a secret. */
export type Named = { readonly variable: string; readonly text: string }

export function named(variables: Variables, stem: string, region: Region): Named | undefined {
  const variable = stem + REGION_SUFFIXES[region]
  const text = variables(variable)
  return text === undefined ? undefined : { variable, text }
}

/** An empty variable is one that is not set. */
export function variableReader(given: Variables, faults: string[]): Variables {
  return (name) => {
    const file = given(`${name}_FILE`) || undefined
    const value = given(name) || undefined
    if (file === undefined) return value
    if (value === undefined) return readTextFile(`${name}_FILE`, file, faults)
    addFault(faults, `${name} and ${name}_FILE are both set: keep one`)
    return value
  }
}

/** @param variable the one that names the file */
export function readTextFile(variable: string, file: string, faults: string[]): string | undefined {
  try {
    const text = readFileSync(file, 'utf8').trim()
    if (text !== '') return text
    addFault(faults, `${variable} names an empty file: write the value into it, or name another`)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    addFault(faults, `${variable} cannot be read (${code}): name a file that this user can read`)
  }
  return undefined
}

/** A variable may be read more than once. */
function addFault(faults: string[], fault: string): void {
  if (!faults.includes(fault)) faults.push(fault)
}
