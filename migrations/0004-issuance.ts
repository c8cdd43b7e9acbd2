/**
 * Facts of the data path: who got which token, day by day; when each credential was used last; and how many tokens each
 * client got a day. Written by `regent_operator`, since a batch spans tenants; a tenant reads its own rows and writes none.
 *
 * The log is partitioned by day (UTC). Three functions of the owner make days ahead, take old ones off and drop them: who
 * serves may call them, and can therefore neither drop a day that is to be kept nor change a row. Rights are those of the
 * parent; a partition is granted to nobody, and has the same policies nevertheless.
 */
import { sql, type Kysely } from 'kysely'

const OF_TENANT = `tenant_id = nullif(current_setting('regent.tenant', true), '')::uuid`
const TENANT_TABLES = ['issuance', 'issuance_default', 'credential_use', 'issuance_count'] as const

/** The statements that force row-level security on a table of tenants, and let in whom it concerns. */
const secured = (table: string) => [
  `alter table ${table} enable row level security`,
  `alter table ${table} force row level security`,
  ...['regent_owner', 'regent_operator'].map(
    (role) => `create policy ${role} on ${table} to ${role} using (true) with check (true)`,
  ),
  `create policy regent_runtime on ${table} to regent_runtime using (${OF_TENANT}) with check (${OF_TENANT})`,
]

const TABLES = [
  // No reference to what it names: a row outlives its client, and costs no look-up. No check either: a row is written with
  // every token. `token_id` is the jti, and of rows without a token an id of their own; `outcome` is 'issued', the
  // reason of a refusal, or that there was no room for so many events.
  `create table regent.issuance (
    tenant_id uuid not null,
    workspace_id uuid not null,
    issued_at timestamptz not null,
    events integer not null default 1,
    token_id text not null,
    client_id text not null,
    credential_id text not null,
    scope text not null,
    audience text not null,
    peer text not null,
    request_id text not null,
    outcome text not null,
    primary key (tenant_id, issued_at, token_id)
  ) partition by range (issued_at)`,
  `create table regent.issuance_default partition of regent.issuance default`,

  // Beside the credential, whose row is settings: nobody who reads those is woken by a use.
  `create table regent.credential_use (
    tenant_id uuid not null,
    workspace_id uuid not null,
    client_id text not null,
    credential_id text not null,
    last_used_at timestamptz not null,
    uses bigint not null check (uses > 0),
    primary key (tenant_id, workspace_id, client_id, credential_id),
    foreign key (tenant_id, workspace_id, client_id, credential_id) references regent.credential on delete cascade
  ) with (fillfactor = 70)`,

  `create table regent.issuance_count (
    tenant_id uuid not null,
    workspace_id uuid not null,
    client_id text not null,
    day date not null,
    issued bigint not null check (issued > 0),
    primary key (tenant_id, workspace_id, client_id, day)
  ) with (fillfactor = 70)`,

  // Times of which nobody knows all uses: a node ended without writing down its last ones, or had no room for them.
  `create table regent.use_gap (
    region text not null check (region in ('none', 'au', 'eu', 'us')),
    gap_id uuid not null,
    began_at timestamptz not null,
    ended_at timestamptz not null check (ended_at >= began_at),
    primary key (region, gap_id)
  )`,
  `alter table regent.use_gap enable row level security`,
  `alter table regent.use_gap force row level security`,
  `create policy regent_owner on regent.use_gap to regent_owner using (true) with check (true)`,
  `create policy regent_operator on regent.use_gap to regent_operator using (true) with check (true)`,
  // Of what was used before this, and by servers that do not write it down yet, nothing is known.
  `insert into regent.use_gap (region, gap_id, began_at, ended_at)
    select region, gen_random_uuid(), '-infinity', now() + interval '1 day'
    from regent.change_counter where exists (select from regent.credential)`,

  // Up to when a node's uses are in rows, and the seconds that it may go on without its database.
  `alter table regent.node
    add column uses_flushed_at timestamptz,
    add column max_stale integer not null default 3600 check (max_stale between 0 and 604800)`,
]

const FUNCTIONS = [
  // Makes the days from yesterday to a week ahead, and those of rows that lie in the default partition. A day is made beside
  // the log, gets its rows from the default partition, and is attached then, which holds up nobody who writes into other days.
  // With more than `most` rows to move, it moves so many and says that there is more to do.
  `create function regent.attach_issuance_days(most integer, out strays bigint, out more boolean)
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
    declare
      today date := (now() at time zone 'UTC')::date;
      missing date[];
      wanted date;
      name text;
      first timestamptz;
      last timestamptz;
      moving bigint;
    begin
      more := false;
      missing := array(
        select day from (
          select today + ahead as day from generate_series(-1, 7) ahead
          union select distinct (issued_at at time zone 'UTC')::date from regent.issuance_default
        ) days
        where day between today - 400 and today + 7
          and not exists (
            select from pg_inherits where inhparent = 'regent.issuance'::regclass
              and inhrelid = to_regclass('regent.issuance_' || to_char(day, 'YYYYMMDD')))
        order by day);
      foreach wanted in array missing
      loop
        name := 'issuance_' || to_char(wanted, 'YYYYMMDD');
        first := wanted::timestamp at time zone 'UTC';
        last := (wanted + 1)::timestamp at time zone 'UTC';
        -- Others who do the same wait here, and find it done; whoever writes does not.
        lock table regent.issuance in share update exclusive mode;
        if exists (select from pg_inherits where inhparent = 'regent.issuance'::regclass
            and inhrelid = to_regclass('regent.' || name)) then
          continue;
        end if;
        if to_regclass('regent.' || name) is null then
          execute format('create table regent.%I (like regent.issuance including defaults)', name);
          ${secured('regent.%1$I')
            .map((statement) => `execute format($f$${statement}$f$, name);`)
            .join('\n          ')}
        end if;
        select count(*) into moving from (
          select from regent.issuance_default where issued_at >= first and issued_at < last limit most + 1) counted;
        if moving <= most then
          lock table regent.issuance_default in access exclusive mode;
        end if;
        execute format(
          'with strayed as (
             select ctid from regent.issuance_default where issued_at >= $1 and issued_at < $2 limit $3),
           moved as (delete from regent.issuance_default d using strayed where d.ctid = strayed.ctid returning d.*)
           insert into regent.%I select * from moved', name) using first, last, most;
        if moving > most or exists (
            select from regent.issuance_default where issued_at >= first and issued_at < last) then
          more := true;
          exit;
        end if;
        execute format('alter table regent.issuance attach partition regent.%I for values from (%L) to (%L)',
          name, first, last);
      end loop;
      select count(*) into strays from (select from regent.issuance_default limit 1000000) counted;
    end $$`,

  // Takes days off the log that are over since more than `keep_days` days. For a moment nobody may write: where that moment
  // does not come within 200 ms, the answer is null, and whoever writes goes on.
  `create function regent.detach_issuance_days(keep_days integer) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '200ms' as $$
    declare
      oldest date := (now() at time zone 'UTC')::date - greatest(keep_days, 1);
      name text;
      detached integer := 0;
    begin
      for name in
        select relname from pg_inherits join pg_class c on c.oid = inhrelid
        where inhparent = 'regent.issuance'::regclass and relname ~ '^issuance_[0-9]{8}$'
          and to_date(right(relname, 8), 'YYYYMMDD') < oldest
        order by relname
      loop
        execute format('alter table regent.issuance detach partition regent.%I', name);
        detached := detached + 1;
      end loop;
      return detached;
    exception when lock_not_available then
      return null;
    end $$`,

  // Drops days that are off the log: in a transaction of its own, since that of taking them off holds up whoever writes.
  `create function regent.drop_issuance_days(keep_days integer) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
    declare
      oldest date := (now() at time zone 'UTC')::date - greatest(keep_days, 1);
      name text;
      dropped integer := 0;
    begin
      for name in
        select relname from pg_class
        where relnamespace = 'regent'::regnamespace and relkind = 'r' and not relispartition
          and relname ~ '^issuance_[0-9]{8}$' and to_date(right(relname, 8), 'YYYYMMDD') < oldest
        order by relname
      loop
        execute format('drop table if exists regent.%I', name);
        dropped := dropped + 1;
      end loop;
      return dropped;
    end $$`,
]

const CALLED_BY_OPERATORS = [
  'regent.attach_issuance_days(integer)',
  'regent.detach_issuance_days(integer)',
  'regent.drop_issuance_days(integer)',
]

const RIGHTS = [
  `grant select on regent.issuance, regent.credential_use, regent.issuance_count to regent_runtime, regent_operator`,
  `grant insert on regent.issuance, regent.credential_use, regent.issuance_count to regent_operator`,
  `grant update (last_used_at, uses) on regent.credential_use to regent_operator`,
  `grant update (issued) on regent.issuance_count to regent_operator`,
  `grant delete on regent.issuance_count to regent_operator`,
  // To write no use of a credential that is gone: ids only.
  `grant select (tenant_id, workspace_id, client_id, credential_id) on regent.credential to regent_operator`,
  `grant select, insert, delete on regent.use_gap to regent_operator`,
  `grant update (began_at, ended_at) on regent.use_gap to regent_operator`,
  `grant update (uses_flushed_at, max_stale) on regent.node to regent_operator`,
]

export async function up(db: Kysely<never>): Promise<void> {
  const statements = [
    ...TABLES,
    ...TENANT_TABLES.flatMap((table) => secured(`regent.${table}`)),
    ...FUNCTIONS,
    ...CALLED_BY_OPERATORS.flatMap((name) => [
      `revoke execute on function ${name} from public`,
      `grant execute on function ${name} to regent_operator`,
    ]),
    ...RIGHTS,
    // The first days, so that no row goes astray before the first chore.
    `select from regent.attach_issuance_days(0)`,
  ]
  for (const statement of statements) await sql.raw(statement).execute(db)
}

/** Days that are off the log already, and wait to be dropped, are dropped too. */
export async function down(db: Kysely<never>): Promise<void> {
  for (const statement of [
    `select regent.drop_issuance_days(1)`,
    `revoke select (tenant_id, workspace_id, client_id, credential_id) on regent.credential from regent_operator`,
    ...CALLED_BY_OPERATORS.map((name) => `drop function ${name}`),
    `drop table regent.issuance, regent.credential_use, regent.issuance_count, regent.use_gap`,
    `alter table regent.node drop column uses_flushed_at, drop column max_stale`,
  ]) {
    await sql.raw(statement).execute(db)
  }
}
