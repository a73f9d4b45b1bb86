-- The part of Aurora's aws_commons that aws_lambda needs: the type that names a function.
\echo Use "create extension aws_commons" to load this file. \quit

create schema aws_commons;
grant usage on schema aws_commons to public;

create type aws_commons._lambda_function_arn_1 as (function_name text, region text);

create function aws_commons.create_lambda_function_arn(function_name text, region text default null)
    returns aws_commons._lambda_function_arn_1
    language sql immutable
    return row($1, $2)::aws_commons._lambda_function_arn_1;
