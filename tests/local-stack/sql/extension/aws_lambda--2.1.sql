-- Aurora's aws_lambda for a plain PostgreSQL, with the same four signatures, defaults and errors.
-- PostgreSQL cannot make HTTP requests, so a program makes them. Its input and its answer are in base64, so that neither the
-- shell nor the format of COPY sees a special character.
\echo Use "create extension aws_lambda cascade" to load this file. \quit

create schema aws_lambda;

create function aws_lambda._setting(name text, fallback text) returns text
    language sql stable set search_path = pg_catalog
    -- A custom setting that was set once in a session is an empty string afterwards, and not null.
    return coalesce(nullif(current_setting($1, true), ''), $2);

create function aws_lambda._encoded(value text) returns text
    language sql immutable set search_path = pg_catalog
    return coalesce(nullif(translate(encode(convert_to($1, 'UTF8'), 'base64'), E'\n', ''), ''), '-');

create function aws_lambda._decoded(value text) returns text
    language sql immutable set search_path = pg_catalog
    return case when $1 <> '-' then convert_from(decode($1, 'base64'), 'UTF8') end;

create function aws_lambda._invoke(
    of_function text, request text, of_region text, of_type text, of_log text, client_context text, of_qualifier text,
    out status_code int, out answer text, out executed_version text, out log_result text)
    language plpgsql volatile security definer set search_path = pg_catalog
as $$
declare
    command text;
    line text;
    outcome text;
    error text;
begin
    if of_function is null or request is null then
        raise exception 'function name and payload must not be null' using errcode = '22004';
    end if;
    if of_type not in ('RequestResponse', 'Event', 'DryRun') then
        raise exception 'invalid invocation type "%"', of_type using errcode = '22023';
    end if;
    command := concat_ws(' ',
        'exec python3 -I -S', current_setting('data_directory') || '/aws_lambda_invoke.py',
        aws_lambda._setting('aws_lambda.connect_timeout_ms', '1000')::int,
        aws_lambda._setting('aws_lambda.request_timeout_ms', '3000')::int);
    foreach line in array array[aws_lambda._setting('aws_lambda.endpoint_override', ''),
        of_function, of_qualifier, of_region, of_type, of_log, client_context, request]
    loop
        command := command || ' ' || coalesce(aws_lambda._encoded(line), '-');
    end loop;
    -- A shell accepts a command of at most 128 KiB. Aurora accepts a payload of 6 MB (1 MB with Event).
    if length(command) > 130000 then
        raise exception 'the local aws_lambda carries payloads up to 90000 bytes only' using errcode = '54000';
    end if;

    -- COPY needs a table. No other session reads a temporary one, so serializable transactions have no conflict here, as on
    -- Aurora.
    set local client_min_messages = 'error';
    create temp table if not exists aws_lambda_answer (line text not null) on commit delete rows;
    execute format('copy pg_temp.aws_lambda_answer from program %L', command);
    delete from pg_temp.aws_lambda_answer returning aws_lambda_answer.line into strict line;
    outcome := aws_lambda._decoded(split_part(line, ' ', 1));
    answer := aws_lambda._decoded(split_part(line, ' ', 3));
    error := aws_lambda._decoded(split_part(line, ' ', 6));

    if outcome = 'client_error' then
        raise exception 'invoke API failed'
            using detail = format('AWS Lambda client returned ''%s''.', error), errcode = '38000';
    elsif outcome = 'function_error' then
        raise exception 'lambda invocation failed'
            using detail = format('"%s" returned error "%s", details: "%s".', of_function, error, answer),
                errcode = '38000';
    end if;
    status_code := aws_lambda._decoded(split_part(line, ' ', 2))::int;
    executed_version := aws_lambda._decoded(split_part(line, ' ', 4));
    log_result := aws_lambda._decoded(split_part(line, ' ', 5));
end $$;

-- The names of IN and OUT parameters overlap, as on Aurora. PL/pgSQL refuses that, but SQL does not.
create function aws_lambda.invoke(
    function_name text, payload json, region text default null, invocation_type text default 'RequestResponse',
    log_type text default 'None', context json default null, qualifier varchar(128) default null,
    out status_code int, out payload json, out executed_version text, out log_result text)
    language sql volatile security definer set search_path = pg_catalog
as $$
    select status_code, answer::json, executed_version, log_result
    from aws_lambda._invoke($1, $2::text, $3, $4, $5, $6::text, $7)
$$;

create function aws_lambda.invoke(
    function_name text, payload jsonb, region text default null, invocation_type text default 'RequestResponse',
    log_type text default 'None', context jsonb default null, qualifier varchar(128) default null,
    out status_code int, out payload jsonb, out executed_version text, out log_result text)
    language sql volatile security definer set search_path = pg_catalog
as $$
    select status_code, answer::jsonb, executed_version, log_result
    from aws_lambda._invoke($1, $2::text, $3, $4, $5, $6::text, $7)
$$;

create function aws_lambda.invoke(
    function_name aws_commons._lambda_function_arn_1, payload json, invocation_type text default 'RequestResponse',
    log_type text default 'None', context json default null, qualifier varchar(128) default null,
    out status_code int, out payload json, out executed_version text, out log_result text)
    language sql volatile security definer set search_path = pg_catalog
as $$
    select status_code, answer::json, executed_version, log_result
    from aws_lambda._invoke(($1).function_name, $2::text, ($1).region, $3, $4, $5::text, $6)
$$;

create function aws_lambda.invoke(
    function_name aws_commons._lambda_function_arn_1, payload jsonb, invocation_type text default 'RequestResponse',
    log_type text default 'None', context jsonb default null, qualifier varchar(128) default null,
    out status_code int, out payload jsonb, out executed_version text, out log_result text)
    language sql volatile security definer set search_path = pg_catalog
as $$
    select status_code, answer::jsonb, executed_version, log_result
    from aws_lambda._invoke(($1).function_name, $2::text, ($1).region, $3, $4, $5::text, $6)
$$;

-- Only the role that installs the extension may call the functions, and may grant that to other roles.
revoke all on all functions in schema aws_lambda from public;
do $$
declare
    invoke regprocedure;
begin
    execute format('grant usage on schema aws_lambda, aws_commons to %I with grant option', session_user);
    for invoke in select oid from pg_catalog.pg_proc
        where pronamespace = 'aws_lambda'::regnamespace and proname = 'invoke'
    loop
        execute format('grant execute on function %s to %I with grant option', invoke, session_user);
    end loop;
end $$;
