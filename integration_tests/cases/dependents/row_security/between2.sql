CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
CREATE ROLE {{database}}_reader;
ALTER TABLE airbyte.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY only_two ON airbyte.t FOR SELECT TO {{database}}_reader USING (id = 2);
