DO $$ BEGIN EXECUTE format('CREATE FUNCTION public.before() RETURNS oid LANGUAGE sql AS $f$SELECT %s::oid$f$', 'airbyte.t'::regclass::oid); END $$;
CREATE ROLE {{database}}_reader;
ALTER TABLE airbyte.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY only_two ON airbyte.t FOR SELECT TO {{database}}_reader USING (id = 2);
