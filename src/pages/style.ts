/** How pages look: one stylesheet, inside each page, and its digest, by which a policy allows it (CSP Level 3 §8.3). */
import { createHash } from 'node:crypto'

export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c2024; --soft: #59616b; --line: #d5d9de; --code: #f3f5f7; --link: #0a52a8; --mark: #8a3b00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181b; --ink: #e6e8ea; --soft: #a3abb4; --line: #363c43; --code: #1f2428; --link: #86b8ff; --mark: #f0b072;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
header, main, footer { max-width: 50rem; margin: 0 auto; padding: 0 1.25rem; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; align-items: baseline; padding-top: 1rem; }
header p { margin: 0; font-weight: 600; }
header nav ul { display: flex; gap: 1.25rem; margin: 0; padding: 0; list-style: none; }
footer { margin-top: 3rem; padding-top: 1rem; padding-bottom: 2rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .875rem; }
h1 { margin: 2rem 0 .5rem; font-size: 1.75rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.25rem; line-height: 1.3; }
h3 { margin: 2.5rem 0 .25rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: 1.125rem; line-height: 1.4; }
h4 { margin: 1.5rem 0 .25rem; font-size: 1rem; overflow-wrap: anywhere; }
p, ul, ol, dl { margin: .5rem 0; }
a { color: var(--link); text-underline-offset: .15em; }
a:focus-visible, pre:focus-visible, summary:focus-visible, .wide:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
code, pre, kbd { font: .875rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { overflow-wrap: anywhere; }
pre { margin: .5rem 0; padding: .75rem 1rem; overflow-x: auto; background: var(--code); border: 1px solid var(--line); border-radius: .375rem; }
pre code { overflow-wrap: normal; }
pre.url { white-space: pre-wrap; }
pre.url code { overflow-wrap: anywhere; }
var { color: var(--mark); font-style: normal; }
dt { margin-top: .75rem; color: var(--soft); font-size: .875rem; }
dd { margin: 0; }
.lead { font-size: 1.125rem; }
.soft { color: var(--soft); }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .875rem; }
th, td { padding: .375rem .75rem .375rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
td.name { min-width: 9rem; }
td.name code { overflow-wrap: normal; }
td.name .soft { display: block; }
caption { padding-top: .5rem; text-align: left; font-weight: 600; }
.wide { margin: .5rem 0; }
article { padding-bottom: 1rem; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
details { margin: .5rem 0; }
summary { cursor: pointer; font-size: .875rem; }
.contents { columns: 15rem 2; column-gap: 2rem; padding: 0; list-style: none; }
.contents li { break-inside: avoid; }
.method { font-weight: 700; }
`

/** As it stands between the tags, byte for byte. */
export const STYLE_DIGEST = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`
