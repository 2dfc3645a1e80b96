DO $$ BEGIN EXECUTE format('CREATE FUNCTION public.before() RETURNS oid LANGUAGE sql AS $f$SELECT %s::oid$f$', 'airbyte.t'::regclass::oid); END $$;
ALTER TABLE airbyte.t ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY, ADD COLUMN doubled bigint GENERATED ALWAYS AS (id * 2) STORED;
