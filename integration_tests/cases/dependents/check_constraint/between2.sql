CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
ALTER TABLE airbyte.t ADD CONSTRAINT positive CHECK (id > 0);
