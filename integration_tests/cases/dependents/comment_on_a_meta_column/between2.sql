DO $$ BEGIN EXECUTE format('CREATE FUNCTION public.before() RETURNS oid LANGUAGE sql AS $f$SELECT %s::oid$f$', 'airbyte.t'::regclass::oid); END $$;
COMMENT ON COLUMN airbyte.t._airbyte_raw_id IS 'Random';
COMMENT ON COLUMN airbyte.t._airbyte_meta IS 'What was changed on the way';
