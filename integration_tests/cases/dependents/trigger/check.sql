SELECT 'airbyte.t'::regclass::oid = oid AS same_table FROM public.before;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'airbyte.t'::regclass AND NOT tgisinternal;
