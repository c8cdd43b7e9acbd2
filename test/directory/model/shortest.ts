/**
 * The shortest part of a list that still fails, by delta debugging (Zeller and Hildebrandt, 2002): halves are left out, then
 * quarters, and so on down to single ones. Where a failure depends on chance, the result is short, not the shortest.
 */
export async function shortest<Item>(
  list: readonly Item[],
  fails: (part: readonly Item[]) => Promise<boolean>,
  mostTries = 400,
): Promise<readonly Item[]> {
  let failing = list
  let tries = 0
  for (let size = Math.ceil(failing.length / 2); size >= 1 && tries < mostTries;) {
    let shortened = false
    for (let start = failing.length - size; start > -size && tries < mostTries; start -= size) {
      const part = [...failing.slice(0, Math.max(0, start)), ...failing.slice(start + size)]
      if (part.length === failing.length) continue
      tries += 1
      if (await fails(part)) {
        failing = part
        shortened = true
      }
    }
    if (size === 1 && !shortened) break
    if (size > 1) size = Math.ceil(size / 2)
  }
  return failing
}
