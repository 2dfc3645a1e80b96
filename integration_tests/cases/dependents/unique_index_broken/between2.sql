CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
CREATE UNIQUE INDEX by_name ON airbyte.t (id);
