/**
 * Texts that would be SQL if they were ever put into a statement: every way out of a literal with everything that could be
 * wanted, ended in turn by every way to lose the rest. Each ends in a mark of its own, by which it would be found again.
 */

export const MARK = 'pwned'

const WAYS_OUT = [
  "'",
  '"',
  "''",
  "')",
  "'))",
  "'; ",
  '"; ',
  "\\'",
  '\\',
  "\0'",
  '\0',
  '%27',
  '%2527',
  '%bf%27',
  '\u02bc', // modifier letter apostrophe
  '\u2019', // right single quotation mark
  '\uff07', // full-width apostrophe
  '$$',
  '$1',
  '`',
  '',
] as const

const WANTED = [
  " or 1=1 or ''='",
  ' or true',
  ' and 1=0',
  ' union select null, null, null',
  ' union all select usename, passwd from pg_shadow',
  '||(select current_user)||',
  ' and (select 1 from pg_sleep(30)) is null',
  '; select pg_sleep(30)',
  '; drop table regent.tenant cascade',
  '; delete from regent.client',
  "; update regent.credential set state = 'live'",
  '; insert into regent.breaking_migration values (1)',
  '; set local role regent_owner',
  '; reset role; commit; begin',
  "; set local regent.tenant = ''",
  "; copy regent.tenant to program 'id'",
  '; do $x$ begin perform pg_terminate_backend(pg_backend_pid()); end $x$',
  ' returning *',
  ' order by 99',
  ' limit 0',
] as const

const WAYS_TO_END = ['--', '-- ', '/*', ';--', '#', ')--', "and 'x'='x", '\\', ''] as const

/** Spaces are not allowed everywhere, and SQL does without. */
export function injections(): readonly string[] {
  return WAYS_OUT.flatMap((out) => WANTED.map((wanted) => out + wanted)).map((text, index) => {
    const ended = `${text}${WAYS_TO_END[index % WAYS_TO_END.length] ?? ''}${MARK}${index}`
    return index % 2 === 0 ? ended : ended.replaceAll(' ', '/**/')
  })
}
