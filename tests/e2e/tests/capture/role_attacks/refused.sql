-- Statements that both roles are refused, one a line. {self} is the role that tries, {other} the other one, {master} the process of
-- a session of the owner.
-- Become somebody else, or more.
set role wagtail_admin
set role postgres
set role {other}
set role pg_read_all_data
set session authorization wagtail_admin
set session authorization postgres
grant wagtail_admin to {self}
grant pg_read_all_data to {self}
grant {other} to {self}
alter role {self} superuser
alter role {self} createrole
alter role {self} replication
alter role {self} bypassrls
alter role {other} password 'x'
alter role wagtail_admin password 'x'
create role another
drop role {other}
reassign owned by wagtail_admin to {self}
drop owned by wagtail_admin
alter default privileges for role wagtail_admin grant all on tables to {self}

-- Switch triggers, capture and the server's checks off.
set session_replication_role = replica
alter role {self} set session_replication_role = replica
alter database {database} set session_replication_role = replica
alter system set session_replication_role = replica
set log_min_messages = panic
set log_statement = 'none'
set temp_file_limit = -1
set allow_system_table_mods = on
set zero_damaged_pages = on

-- Run programs, read and write files of the server.
create temp table output (line text); copy output from program 'id'
create temp table output (line text); copy output to program 'id'
create temp table output (line text); copy output from '/etc/passwd'
copy (select 1) to '/tmp/written'
select pg_read_file('/etc/passwd')
select pg_read_file('postgresql.conf')
select pg_read_binary_file('global/pg_control')
select pg_ls_dir('.')
select pg_stat_file('PG_VERSION')
select pg_ls_logdir()
select pg_ls_waldir()
select pg_current_logfile()
select lo_import('/etc/passwd')
select lo_export(1, '/tmp/written')
load 'dblink'
create function pg_temp.c() returns int language c as 'libc', 'getpid'
create function pg_temp.c() returns int language internal as 'pg_backend_pid'

-- Create what is there for others, or runs as others.
create schema another
create table public.another ()
create function public.another() returns int language sql as 'select 1'
create table wagrun.another ()
create function wagrun.another() returns int language sql as 'select 1'
create view public.another as select 1
create type public.another as (a int)
create operator public.=== (leftarg = text, rightarg = text, function = texteq)
create extension dblink
create extension postgres_fdw
create event trigger another on ddl_command_start execute function suppress_redundant_updates_trigger()
create language another handler plpgsql_call_handler
create publication another for all tables
create publication another
create subscription another connection '' publication another
create foreign data wrapper another
create tablespace another location '/tmp'
create database another
create cast (text as integer) with inout
create temp table mine (); alter table pg_temp.mine owner to wagtail_admin
create function pg_temp.mine() returns int language sql as 'select 1'; alter function pg_temp.mine owner to wagtail_admin
alter database {database} owner to {self}
alter schema public owner to {self}
alter function wagrun.capture_row owner to {self}
alter function wagrun.capture_row reset search_path
create or replace function wagrun.ring(xid text) returns void language sql as ''
drop schema wagrun cascade
drop trigger doorbell on wagrun.outbox
alter table wagtailcore_page disable trigger user
alter table wagtailcore_page owner to {self}
comment on database {database} is 'x'
reindex table wagtailcore_page
cluster wagtailcore_page

-- The catalogues with secrets, and the state of the server.
select * from pg_authid
select * from pg_shadow
select * from pg_user_mapping
select * from pg_statistic
select * from pg_largeobject
select * from pg_subscription
select * from pg_hba_file_rules
select * from pg_file_settings
update pg_proc set proowner = 10
delete from pg_trigger
select pg_reload_conf()
select pg_rotate_logfile()
select pg_switch_wal()
select pg_create_restore_point('x')
select pg_promote()
select pg_backup_start('x')
select pg_create_logical_replication_slot('x', 'test_decoding')
select pg_create_physical_replication_slot('x')
select pg_log_backend_memory_contexts(pg_backend_pid())
select pg_stat_reset()
select pg_terminate_backend({master})
select pg_cancel_backend({master})
checkpoint

-- AWS from within the database.
select aws_lambda.invoke('any', '{}'::json)
select aws_lambda.invoke('any', '{}'::jsonb)
select aws_lambda._invoke('any', '{}', null, 'Event', 'None', null, null)
