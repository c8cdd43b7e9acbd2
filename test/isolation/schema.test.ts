/**
 * The rules of the schema, read from the catalogue. What a rule finds in the real schema is listed here by name; and
 * each is tried on a table that breaks it, so that a rule which finds nothing is known to look.
 */
import { Client } from 'pg'
import { openMigratedDatabase } from '../support/world.ts'

type Rule = {
  readonly name: string
  /** Lists what breaks the rule, one name a row. */
  readonly sql: string
  /** What stands outside it, with its reason. */
  readonly except: readonly string[]
  /** Each statement breaks it by itself. */
  readonly broken: readonly string[]
}

/** Their rows belong to a region; they hold ids and names only, and one sealed key. */
const REGION_TABLES = [
  'audit_key',
  'breaking_migration',
  'change_counter',
  'change_feed',
  'database_region',
  'node',
  'use_gap',
]
/** Kysely's own. */
const OF_THE_MIGRATOR = ['migration', 'migration_lock']

const TABLES = `pg_class c where c.relnamespace = 'regent'::regnamespace and c.relkind in ('r', 'p', 'f')`
const COLUMNS = (relation: string, key: string) =>
  `(select array_agg(a.attname::text order by position) from unnest(${key}) with ordinality as part (number, position)
    join pg_attribute a on a.attrelid = ${relation} and a.attnum = part.number)`
const OF_TENANT = `tenant_id = nullif(current_setting('regent.tenant', true), '')::uuid`
const NOTE = `create table regent.note (tenant_id uuid, id uuid, primary key (tenant_id, id))`

const RULES: readonly Rule[] = [
  {
    name: 'row-level security is on and forced for every table',
    sql: `select relname from ${TABLES} and not (relrowsecurity and relforcerowsecurity)`,
    except: OF_THE_MIGRATOR,
    broken: [
      NOTE,
      'alter table regent.client disable row level security',
      'alter table regent.client no force row level security',
    ],
  },
  {
    name: 'every primary key begins with tenant_id, but for tables of a region',
    sql: `select relname from ${TABLES} and not exists (
      select from pg_index where indrelid = c.oid and indisprimary and (${COLUMNS('c.oid', 'indkey')})[1] = 'tenant_id')`,
    except: [...REGION_TABLES, ...OF_THE_MIGRATOR],
    broken: [
      'create table regent.note (id uuid primary key, tenant_id uuid)',
      'create table regent.note (tenant_id uuid, id uuid)',
      'create table regent.note (tenant_id uuid, id uuid, primary key (id, tenant_id))',
    ],
  },
  {
    name: 'what is unique is unique within a tenant',
    sql: `select indexrelid::regclass::text from pg_index join ${TABLES.replace(' where', ' on c.oid = indrelid where')}
      and indisunique and (${COLUMNS('c.oid', 'indkey')})[1] is distinct from 'tenant_id'
      and c.relname <> all ('{${[...REGION_TABLES, ...OF_THE_MIGRATOR].join(',')}}')`,
    // A tenant's name is the one name that is shared out among tenants.
    except: ['regent.tenant_region_slug_key'],
    broken: [
      'create unique index on regent.client (client_id)',
      'create unique index on regent.signing_key (kid)',
    ],
  },
  {
    name: 'every reference between tables of tenants carries the tenant',
    sql: `select conname from pg_constraint k where connamespace = 'regent'::regnamespace and contype = 'f'
      and not ((${COLUMNS('conrelid', 'conkey')})[1] = 'tenant_id' and (${COLUMNS('confrelid', 'confkey')})[1] = 'tenant_id')`,
    except: ['change_feed_region_fkey'],
    broken: [
      `create table regent.note (tenant_id uuid primary key, other uuid references regent.tenant)`,
      `create unique index note_client on regent.client (client_id);
       create table regent.note (tenant_id uuid primary key, client_id text);
       alter table regent.client add constraint x unique using index note_client;
       alter table regent.note add foreign key (client_id) references regent.client (client_id)`,
    ],
  },
  {
    name: 'who serves requests has one policy a table: rows of its tenant, to read and to write',
    sql: `select relname from ${TABLES} and exists (
        select from pg_attribute where attrelid = c.oid and attname = 'tenant_id' and not attisdropped)
      and (select array_agg(row(polcmd, polpermissive, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))::text)
           from pg_policy where polrelid = c.oid and polroles && array['regent_runtime'::regrole::oid, 0])
        is distinct from (select array_agg(row('*', true, policy, policy)::text) from (values (
          '(tenant_id = (NULLIF(current_setting(''regent.tenant''::text, true), ''''::text))::uuid)')) as wanted (policy))`,
    except: [],
    broken: [
      NOTE,
      'create policy more on regent.client to regent_runtime using (true)',
      'create policy more on regent.client to public using (true)',
      `drop policy regent_runtime on regent.client;
       create policy regent_runtime on regent.client to regent_runtime using (${OF_TENANT}) with check (true)`,
      `drop policy regent_runtime on regent.client;
       create policy regent_runtime on regent.client for select to regent_runtime using (${OF_TENANT})`,
    ],
  },
  {
    name: 'who serves requests sees the few tables of a region that it needs, whole',
    sql: `select c.relname from pg_policy join pg_class c on c.oid = polrelid
      where polroles && array['regent_runtime'::regrole::oid, 0] and pg_get_expr(polqual, polrelid) not like '%tenant_id%'`,
    except: ['audit_key', 'change_counter', 'database_region', 'node'],
    broken: ['create policy more on regent.breaking_migration to regent_runtime using (true)'],
  },
  {
    name: 'the owner has a policy on every table, without which a backfill would silently touch nothing',
    sql: `select relname from ${TABLES} and not exists (select from pg_policy where polrelid = c.oid and polcmd = '*'
      and polroles = array['regent_owner'::regrole::oid] and pg_get_expr(polqual, polrelid) = 'true' and pg_get_expr(polwithcheck, polrelid) = 'true')`,
    except: OF_THE_MIGRATOR,
    broken: [NOTE, 'drop policy regent_owner on regent.scope'],
  },
  {
    name: 'everything belongs to regent_owner, and nothing of it is open to everybody',
    sql: `select relname from pg_class c where relnamespace = 'regent'::regnamespace
        and (relowner <> 'regent_owner'::regrole or exists (select from aclexplode(relacl) where grantee = 0))
      union all select proname from pg_proc where pronamespace = 'regent'::regnamespace and (proowner <> 'regent_owner'::regrole
        or exists (select from aclexplode(coalesce(proacl, acldefault('f', proowner))) where grantee = 0))
      union all select nspname from pg_namespace where nspname = 'regent' and (nspowner <> 'regent_owner'::regrole
        or exists (select from aclexplode(nspacl) where grantee = 0))`,
    except: [],
    broken: [
      NOTE,
      'grant select on regent.client to public',
      'grant usage on schema regent to public',
      `create function regent.f() returns int language sql as 'select 1'`,
    ],
  },
  {
    name: 'few functions act as their owner, with a search path of their own, and nothing else goes round the policies',
    sql: `select proname from pg_proc where pronamespace = 'regent'::regnamespace
        and (prosecdef and proname <> all ('{find_tenant,attach_issuance_days,detach_issuance_days,drop_issuance_days,remove_rows}')
          or not coalesce(proconfig::text, '') like '%search_path=pg_catalog, pg_temp%')
      union all select relname from pg_class where relnamespace = 'regent'::regnamespace and relkind in ('v', 'm', 'S')
      union all select tgname from pg_trigger join pg_class c on c.oid = tgrelid
        where relnamespace = 'regent'::regnamespace and not tgisinternal`,
    except: [],
    broken: [
      `create function regent.f() returns int language sql security definer set search_path = pg_catalog as 'select 1'`,
      'alter function regent.find_tenant reset search_path',
      'alter function regent.detach_issuance_days reset search_path',
      'create view regent.all_clients as select * from regent.client',
      'create materialized view regent.all_clients as select * from regent.client',
      'create sequence regent.numbers',
    ],
  },
  {
    name: 'the three roles can do nothing by themselves',
    sql: `select rolname from pg_roles where rolname in ('regent_owner', 'regent_runtime', 'regent_operator')
        and (rolsuper or rolbypassrls or rolcanlogin or rolcreaterole or rolcreatedb or rolreplication)
      union all select format('%s is a member of %s', member::regrole, roleid::regrole) from pg_auth_members
        where member::regrole::text in ('regent_owner', 'regent_runtime', 'regent_operator')`,
    except: [],
    broken: ['grant regent_operator to regent_runtime'],
  },
]

describe('the schema', () => {
  let home: Awaited<ReturnType<typeof openMigratedDatabase>>
  let superuser: Client

  beforeAll(async () => {
    home = await openMigratedDatabase()
    superuser = new Client({ connectionString: home.urls.superuser })
    await superuser.connect()
  })
  afterAll(async () => {
    await superuser.end()
    await home.drop()
  })

  const finds = async (sql: string) => {
    const { rows } = await superuser.query<string[]>({ text: sql, rowMode: 'array' })
    return rows.map(([name]) => name).toSorted()
  }

  describe.each(RULES)('$name', ({ sql, except, broken }) => {
    it('holds', async () => {
      expect(await finds(sql)).toEqual(except.toSorted())
    })

    it.each(broken)('does not hold after: %s', async (statement) => {
      await superuser.query('begin')
      try {
        await superuser.query(statement)
        expect((await finds(sql)).length).toBeGreaterThan(except.length)
      } finally {
        await superuser.query('rollback')
      }
    })
  })

  // What must stay as it was made, column by column; and who may take away.
  const UPDATES: Readonly<Record<string, string>> = {
    tenant: '',
    workspace:
      'access_token_lifetime audience_parameter chosen_digests chosen_secrets deleted_at emptied_at imported_bcrypt_cost imported_iterations jwks_max_age key_rotation rehash rotation_due_at self_rotation signing_algorithm signing_lead state tokens_per_minute',
    resource_server: 'jwt_type name signing_algorithm',
    scope: 'description',
    client:
      'allowed_networks default_resource_server_id grant_types name several_resources state strict_auth_method token_endpoint_auth_method tokens_per_minute',
    credential: 'awaits_use bcrypt_hash digest digest_key_id expires_at expiry_told label slot state',
    scope_grant: 'by_default',
    signing_key:
      'activated_at gone_at master_key_id max_jwks_age max_stale max_token_lifetime retired_at revoked_at sealed_private_key state',
    audit_event: '',
    audit_head: 'head_mac mac sequence',
    audit_key: '',
    issuance: '',
    issuance_default: '',
    credential_use: '',
    issuance_count: '',
    idempotency_record: 'answer_until master_key_id sealed_answer',
    use_gap: '',
    tombstone: '',
    change_counter: 'number',
    change_feed: '',
    database_region: '',
    node: '',
    breaking_migration: '',
    migration: '',
    migration_lock: '',
  }

  it('lets who serves requests update a few columns: never an issuer, a name, a kid, a public key, a past event', async () => {
    const { rows } = await superuser.query<{ table: string; columns: string }>(
      `select relname as table, coalesce(string_agg(attname, ' ' order by attname)
         filter (where has_column_privilege('regent_runtime', c.oid, attnum, 'update')), '') as columns
       from pg_attribute join pg_class c on c.oid = attrelid
       where relnamespace = 'regent'::regnamespace and relkind in ('r', 'p') and relname !~ '[0-9]{8}' and attnum > 0 and not attisdropped group by 1`,
    )
    expect(Object.fromEntries(rows.map(({ table, columns }) => [table, columns]))).toEqual(UPDATES)
  })

  const OF_OPERATORS = [
    'audit_event',
    'change_feed',
    'credential_use',
    'idempotency_record',
    'issuance',
    'issuance_count',
    'node',
    'tenant',
    'tombstone',
    'use_gap',
  ]

  it.each([
    ['regent_runtime', 'delete', ['client', 'idempotency_record', 'resource_server', 'scope', 'scope_grant']],
    ['regent_runtime', 'truncate', []],
    ['regent_runtime', 'references', []],
    ['regent_runtime', 'trigger', []],
    ['regent_operator', 'delete', ['change_feed', 'idempotency_record', 'issuance_count', 'node', 'use_gap']],
    ['regent_operator', 'truncate', []],
    ['regent_operator', 'insert', OF_OPERATORS],
    ['regent_test_login', 'select', []],
    ['regent_test_login', 'insert', []],
    ['regent_test_login', 'update', []],
    ['regent_test_login', 'delete', []],
  ])('gives %s the right to %s for %j', async (role, right, tables) => {
    const sql = `select relname from ${TABLES} and has_table_privilege('${role}', c.oid, '${right}')`
    expect(await finds(sql)).toEqual(tables)
  })

  it('grants a day of the issuance log to nobody: rights are those of the whole', async () => {
    const days = await finds(
      `select relname from pg_class where relnamespace = 'regent'::regnamespace and relispartition and relkind = 'r'`,
    )
    // Yesterday, today, seven days ahead, and the default.
    expect(days).toHaveLength(10)
    const granted = await finds(
      `select relname from pg_class, aclexplode(relacl) where relnamespace = 'regent'::regnamespace and relispartition
         and grantee <> 'regent_owner'::regrole`,
    )
    expect(granted).toEqual([])
  })

  it.each([
    'attach_issuance_days(integer)',
    'detach_issuance_days(integer)',
    'drop_issuance_days(integer)',
    'remove_rows(uuid, uuid, integer)',
  ])('lets operators call %s, and nobody else', async (name) => {
    const callers = await finds(
      `select rolname from pg_roles where rolname like 'regent%' and has_function_privilege(rolname, 'regent.${name}', 'execute')`,
    )
    expect(callers.filter((role) => !/^regent_test_(?!login)/.test(String(role)))).toEqual([
      'regent_operator',
      'regent_owner',
    ])
  })

  it.each([
    '',
    `set local regent.tenant = '';`,
    `set local regent.tenant = '00000000-0000-4000-8000-000000000009';`,
  ])('shows who serves requests no row of any tenant after: begin; %s', async (setting) => {
    const tenant = '00000000-0000-4000-8000-000000000001'
    await superuser.query(
      `begin; insert into regent.tenant (tenant_id, region, slug) values ('${tenant}', 'eu', 'acme');
         insert into regent.workspace (tenant_id, workspace_id, slug, issuer, access_token_lifetime, jwks_max_age,
           signing_lead, chosen_secrets, audience_parameter)
         values ('${tenant}', '${tenant}', 'orders', 'https://a.example/a/o', 600, 900, 86400, false, false);
         insert into regent.tombstone values ('eu', '${tenant}', '${tenant}', 'client', 'x')`,
    )
    try {
      const readable = await finds(
        `select relname from ${TABLES} and has_table_privilege('regent_runtime', c.oid, 'select')
           and exists (select from pg_attribute where attrelid = c.oid and attname = 'tenant_id')`,
      )
      expect(readable.length).toBeGreaterThan(8)
      await superuser.query(`set local role regent_runtime; ${setting}`)
      for (const table of readable) expect(await finds(`select 1 from regent.${table}`)).toEqual([])
      await superuser.query(`set local regent.tenant = '${tenant}'`)
      expect(await finds('select slug from regent.tenant')).toEqual(['acme'])
      expect(await finds('select name from regent.tombstone')).toEqual(['x'])
    } finally {
      await superuser.query('rollback')
    }
  })

  it('refuses a tenant that is no UUID instead of taking it for none', async () => {
    await superuser.query(`begin; set local role regent_runtime; set local regent.tenant = 'acme'`)
    await expect(superuser.query('select 1 from regent.client')).rejects.toMatchObject({ code: '22P02' })
    await superuser.query('rollback')
  })
})
