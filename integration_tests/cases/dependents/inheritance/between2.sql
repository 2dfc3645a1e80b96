DO $$ BEGIN EXECUTE format('CREATE FUNCTION public.before() RETURNS oid LANGUAGE sql AS $f$SELECT %s::oid$f$', 'airbyte.t'::regclass::oid); END $$;
CREATE TABLE public.child () INHERITS (airbyte.t);
ALTER TABLE public.child OWNER TO {{writer}};
GRANT USAGE ON SCHEMA public TO {{writer}};
