CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
CREATE STATISTICS airbyte.both ON id, name FROM airbyte.t;
ALTER TABLE airbyte.t SET (fillfactor = 70);
