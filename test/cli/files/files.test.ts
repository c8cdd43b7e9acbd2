/** `regent apply` and `regent export`, as they are typed: faults with line and column, a plan like a diff, and files that come back. */
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readText } from '../../architecture/source.ts'
import { openPlace, run } from '../commands/place.ts'

describe('a tenant’s file on the command line', () => {
  let place: Awaited<ReturnType<typeof openPlace>>
  const folder = mkdtempSync(join(tmpdir(), 'regent-files-'))
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const example = readText('docs/schema/acme.yaml')

  beforeAll(async () => {
    place = await openPlace()
  })
  afterAll(() => place.close())

  it('is shown as a plan, applied, and then all is as it should be; what was changed by hand shows', async () => {
    const { acme } = place
    const path = file('acme.yaml', example)
    const preview = await run(acme, 'apply', '-f', path, '--dry-run')
    expect(preview.out.split('\n').slice(0, 4)).toEqual([
      '+ workspace shop',
      '+ resource server shop https://orders.acme.example',
      '+ resource server shop https://stock.acme.example',
      '+ client shop storefront',
    ])
    expect(preview.out).toContain('6 to make, 0 to change, 0 to end.')
    expect((await run(acme, 'workspace', 'list')).out).not.toContain('shop')
    expect(await run(acme, 'apply', '-f', path)).toMatchObject({
      code: 1,
      err: expect.stringContaining('say --yes'),
    })
    expect(await run(acme, 'apply', '-f', path, '--yes')).toMatchObject({
      code: 0,
      err: expect.stringContaining('Done: 6 made, 0 changed, 0 ended.\n'),
    })
    expect((await run(acme, 'apply', '-f', path, '--yes')).err).toContain(
      'All was as it should be: nothing was changed.\n',
    )
    await run(acme, 'client', 'update', 'storefront', '-w', 'shop', '--name', 'By hand')
    await run(acme, 'client', 'create', 'more', '-w', 'shop', '--name', 'More')
    const drift = await run(acme, 'apply', '-f', path, '--dry-run')
    expect(drift.out).toBe(
      '~ client shop storefront\n    name: "By hand" -> "Storefront"\n= client shop more\n' +
        '0 to make, 1 to change, 0 to end; 1 not in the file and kept (--prune ends them).\n',
    )
    const pruned = await run(acme, 'apply', '-f', path, '--prune', '--yes')
    expect([pruned.code, pruned.out]).toEqual([0, expect.stringContaining('- client shop more\n')])
  })

  it('comes back as it was applied, byte for byte, and is taken as it came', async () => {
    const { acme } = place
    const [one, other] = [join(folder, 'one.yaml'), join(folder, 'other.yaml')]
    expect((await run(acme, 'export', '--hashes', '-o', one)).code).toBe(0)
    expect(statSync(one).mode & 0o777).toBe(0o600)
    expect((await run(acme, 'apply', '-f', one, '--yes')).err).toContain('nothing was changed')
    await run(acme, 'export', '--hashes', '-o', other)
    expect(readFileSync(other, 'utf8')).toBe(readFileSync(one, 'utf8'))
    const json = await run(acme, 'export', '--json')
    expect((JSON.parse(json.out) as { tenant: string }).tenant).toBe('acme')
    expect((await run(acme, 'apply', '-f', file('acme.json', json.out), '--yes')).err).toContain(
      'nothing was changed',
    )
    expect(json.out + (await run(acme, 'export')).out).not.toContain('$2b$')
  })

  it('with eleven faults: all of them, each with line and column, and nothing is changed', async () => {
    const path = file(
      'faulty.yaml',
      `regent: 1
tenant: rival
region: eu
workspaces:
  - slug: shop
    access_token_lifetime: 5
    key_rotation: sometimes
    resource_servers:
      - identifier: orders
        name: Orders
    clients:
      - id: a b
        name: A
      - id: robot
        name: Robot
        scopes: [read, read]
        secret: hunter2
        allowed_networks: [here]
      - name: Nobody
      - id: twin
        name: ''
  - slug: admin
  - slug: shop
`,
    )
    const { code, out, err } = await run(place.rival, 'apply', '-f', path, '--yes')
    expect([code, out]).toEqual([1, ''])
    const found = [...err.matchAll(/faulty\.yaml:(\d+:\d+): (\w+)/g)].map(([, at, name]) => `${at} ${name}`)
    expect(found).toEqual([
      '6:28 access_token_lifetime',
      '7:19 key_rotation',
      '9:21 identifier',
      '12:13 id',
      '16:24 scopes',
      '17:17 secret',
      '18:28 allowed_networks',
      '19:9 id',
      '21:15 name',
      '22:11 slug',
      '23:11 slug',
    ])
    expect((await run(place.rival, 'workspace', 'list')).out).not.toContain('shop')
  })

  it.each([
    ['no YAML', 'regent: 1\ntenant: [rival\n', '3:1'],
    ['the same name twice', 'regent: 1\ntenant: rival\ntenant: acme\n', '3:1'],
    ['a newer Regent’s', 'regent: 2\ntenant: rival\nregion: eu\n', '1:9'],
    ['another tenant’s', 'regent: 1\ntenant: acme\nregion: eu\n', '2:9'],
    ['another region’s', 'regent: 1\ntenant: rival\nregion: us\n', '3:9'],
    [
      'what does not fit what is there',
      'regent: 1\ntenant: rival\nregion: eu\nworkspaces:\n  - slug: new\n    clients:\n      - { id: a, name: A, scopes: [none] }\n',
      '7:36',
    ],
  ])('is refused where it is %s, with the place', async (_what, text, at) => {
    const { code, err } = await run(place.rival, 'apply', '-f', file('wrong.yaml', text), '--yes')
    expect([code, err]).toEqual([1, expect.stringContaining(`wrong.yaml:${at}: `)])
  })
})
