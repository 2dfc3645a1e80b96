DO $$ BEGIN EXECUTE format('CREATE FUNCTION public.before() RETURNS oid LANGUAGE sql AS $f$SELECT %s::oid$f$', 'airbyte.t'::regclass::oid); END $$;
COMMENT ON TABLE airbyte.t IS 'The table''s comment';
COMMENT ON COLUMN airbyte.t.name IS 'The column''s comment';
