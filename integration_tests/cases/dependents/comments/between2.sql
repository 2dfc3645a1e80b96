CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
COMMENT ON TABLE airbyte.t IS 'The table''s comment';
COMMENT ON COLUMN airbyte.t.name IS 'The column''s comment';
