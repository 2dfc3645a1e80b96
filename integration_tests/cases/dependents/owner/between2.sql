DO $$ BEGIN EXECUTE format('CREATE FUNCTION public.before() RETURNS oid LANGUAGE sql AS $f$SELECT %s::oid$f$', 'airbyte.t'::regclass::oid); END $$;
CREATE ROLE {{database}}_owner;
GRANT {{database}}_owner TO {{writer}};
GRANT ALL ON SCHEMA airbyte TO {{database}}_owner;
ALTER TABLE airbyte.t OWNER TO {{database}}_owner;
