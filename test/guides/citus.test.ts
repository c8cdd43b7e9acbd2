/** What the guide on Citus says of the schema: which tables could be distributed by tenant, and why the others not. */
import { readText } from '../architecture/source.ts'
import { openWorld, type World } from '../support/world.ts'

const guide = readText('docs/guides/citus.md')
const named = (pattern: RegExp) => [...guide.matchAll(pattern)].map(([, name]) => name ?? '').toSorted()

type Table = {
  readonly name: string
  /** Every unique index contains the tenant, and there is one. */
  readonly keyed: boolean
  /** Tables that it refers to without naming the tenant. */
  readonly across: readonly string[]
}

describe('a schema that could be distributed by tenant', () => {
  let world: World
  let tables: readonly Table[]

  beforeAll(async () => {
    world = await openWorld()
    const { rows } = await world.superuser<Table>(`
      select c.relname as name,
        coalesce(bool_and(tenant.attnum = any (i.indkey)) filter (where i.indisunique), false) as keyed,
        array(select f.confrelid::regclass::text from pg_constraint f
          where f.conrelid = c.oid and f.contype = 'f' and not tenant.attnum = any (f.conkey)) as across
      from pg_class c
        left join pg_attribute tenant on tenant.attrelid = c.oid and tenant.attname = 'tenant_id'
        left join pg_index i on i.indrelid = c.oid
      where c.relnamespace = 'regent'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      group by c.oid, c.relname, tenant.attnum`)
    tables = rows
  })
  afterAll(() => world.close())

  const referenceTables = named(/create_reference_table\('regent\.(\w+)'/g)

  it('names as distributed exactly those whose every key has the tenant; `tenant`, whose names are the region’s, is for all', () => {
    const distributable = tables.filter(({ name, keyed }) => keyed && !referenceTables.includes(name))
    expect(named(/create_distributed_table\('regent\.(\w+)'/g)).toEqual(
      distributable.map(({ name }) => name).toSorted(),
    )
    expect(referenceTables).toEqual(['tenant'])
  })

  it('has no reference between them that leaves the tenant out', () => {
    expect(tables.filter(({ keyed, across }) => keyed && across.length > 0)).toEqual([])
  })

  it('names each of the others as one that stays', () => {
    const [, list = ''] = /stay where they are, on the coordinator: ([^]*?)\.\n/.exec(guide) ?? []
    const others = tables.filter(({ name, keyed }) => !keyed && !referenceTables.includes(name))
    expect([...list.matchAll(/`(\w+)`/g)].map(([, name]) => name).toSorted()).toEqual(
      others.map(({ name }) => name).toSorted(),
    )
  })
})
