SELECT 'airbyte.t'::regclass::oid = public.before() AS same_table;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'airbyte.t'::regclass AND NOT tgisinternal;
