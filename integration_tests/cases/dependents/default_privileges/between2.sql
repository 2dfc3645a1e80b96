CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
