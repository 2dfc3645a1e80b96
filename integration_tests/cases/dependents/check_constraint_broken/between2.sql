CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
ALTER TABLE airbyte.t ADD CONSTRAINT small CHECK (id < 3);
