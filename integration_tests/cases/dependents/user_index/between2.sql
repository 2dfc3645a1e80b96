DO $$ BEGIN EXECUTE format('CREATE FUNCTION public.before() RETURNS oid LANGUAGE sql AS $f$SELECT %s::oid$f$', 'airbyte.t'::regclass::oid); END $$;
CREATE INDEX by_name ON airbyte.t (name);
CREATE INDEX partly ON airbyte.t (id) WHERE id > 1;
CREATE INDEX lowered ON airbyte.t (lower(name));
