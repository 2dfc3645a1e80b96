CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
ALTER TABLE airbyte.t ADD COLUMN tag varchar NOT NULL DEFAULT 'mine', ADD COLUMN note varchar;
