CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
ALTER TABLE airbyte.t ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY, ADD COLUMN doubled bigint GENERATED ALWAYS AS (id * 2) STORED;
