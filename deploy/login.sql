-- The login of the server, for psql (docker-compose.yml). It inherits nothing and owns nothing: what it may do, it does
-- as regent_runtime or regent_operator, which `regent migrate roles` makes and grants to it. Safe to run again; a changed
-- password is taken over.
\set password `cat /run/secrets/regent_server_password`

do $$
begin
  create role regent_server;
exception
  when duplicate_object then null;
end
$$;

alter role regent_server
  with login noinherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls password :'password';
