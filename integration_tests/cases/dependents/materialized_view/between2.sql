CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
CREATE MATERIALIZED VIEW public.m AS SELECT id, name FROM airbyte.t;
