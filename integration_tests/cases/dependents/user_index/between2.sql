CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
CREATE INDEX by_name ON airbyte.t (name);
CREATE INDEX partly ON airbyte.t (id) WHERE id > 1;
CREATE INDEX lowered ON airbyte.t (lower(name));
