CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
COMMENT ON COLUMN airbyte.t._airbyte_raw_id IS 'Random';
COMMENT ON COLUMN airbyte.t._airbyte_meta IS 'What was changed on the way';
