SELECT 'airbyte.t'::regclass::oid = oid AS same_table FROM public.before;
SELECT stxname FROM pg_statistic_ext WHERE stxrelid = 'airbyte.t'::regclass;
SELECT reloptions FROM pg_class WHERE oid = 'airbyte.t'::regclass;
