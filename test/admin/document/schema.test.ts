/** The published JSON Schema of a tenant's file: what editors and other programs have is what the code reads. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { parse } from 'yaml'
import { DOCUMENT, documentSchema } from '../../../src/admin/document/document.ts'
import { readText } from '../../architecture/source.ts'

const published = JSON.parse(readText('docs/schema/tenant.schema.json')) as Record<string, unknown>
const ajv = new Ajv2020({ strict: true, allErrors: true })
;(addFormats as unknown as (ajv: Ajv2020) => void)(ajv)
const validate = ajv.compile(published)
const example = () => parse(readText('docs/schema/acme.yaml')) as Record<string, unknown>

describe('the JSON Schema of a tenant’s file', () => {
  it('is the one that the code reads by: npm run schema writes it', () => {
    expect(published).toEqual(JSON.parse(JSON.stringify(documentSchema())))
  })

  it('takes the example, as the code does', () => {
    expect([validate(example()), DOCUMENT.safeParse(example()).success]).toEqual([true, true])
  })

  it.each([
    ['a format that is newer', { regent: 2 }],
    ['a name that is not known', { clients: [] }],
    ['a workspace without its name', { workspaces: [{ state: 'enabled' }] }],
    ['a token that lives too long', { workspaces: [{ slug: 'shop', access_token_lifetime: 86_401 }] }],
    ['a secret', { workspaces: [{ slug: 'shop', clients: [{ id: 'a', name: 'A', secret: 'x' }] }] }],
  ])('refuses %s, as the code does', (_what, wrong) => {
    const file = { ...example(), ...wrong }
    expect([validate(file), DOCUMENT.safeParse(file).success]).toEqual([false, false])
  })
})
