DO $$ BEGIN EXECUTE format('CREATE FUNCTION public.before() RETURNS oid LANGUAGE sql AS $f$SELECT %s::oid$f$', 'airbyte.t'::regclass::oid); END $$;
CREATE STATISTICS airbyte.both ON id, name FROM airbyte.t;
ALTER TABLE airbyte.t SET (fillfactor = 70);
