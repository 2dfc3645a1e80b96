DO $$ BEGIN EXECUTE format('CREATE FUNCTION public.before() RETURNS oid LANGUAGE sql AS $f$SELECT %s::oid$f$', 'airbyte.t'::regclass::oid); END $$;
CREATE INDEX idx_cursor_mine ON airbyte.t (lower(name));
CREATE INDEX idx_pk_by_name ON airbyte.t (name);
