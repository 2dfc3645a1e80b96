DO $$ BEGIN EXECUTE format('CREATE FUNCTION public.before() RETURNS oid LANGUAGE sql AS $f$SELECT %s::oid$f$', 'airbyte.t'::regclass::oid); END $$;
CREATE ROLE {{database}}_reader;
CREATE ROLE {{database}}_clerk;
GRANT SELECT ON airbyte.t TO {{database}}_reader;
GRANT SELECT (id), UPDATE (name) ON airbyte.t TO {{database}}_clerk;
