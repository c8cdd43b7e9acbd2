/**
 * Text that came from elsewhere, for a terminal: names and labels are other people's, and control characters in them would move the
 * cursor, recolour or hide what stands beside. Each becomes its code, visible.
 */

// C0 but the line feed, DEL, C1; and what turns the direction of writing (Unicode UAX #9).
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const UNSEEN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

export function plain(text: string): string {
  return text.replaceAll(UNSEEN, escaped)
}

/** As one line. */
export function plainLine(text: string): string {
  return plain(text).replaceAll('\n', '\\u000a')
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** The same value, in JSON that moves no cursor: JSON itself escapes C0 only. */
export function printJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll(
    /[\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    escaped,
  )
}
