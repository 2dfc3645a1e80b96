SELECT 'airbyte.t'::regclass::oid = public.before() AS same_table;
SELECT stxname FROM pg_statistic_ext WHERE stxrelid = 'airbyte.t'::regclass;
SELECT reloptions FROM pg_class WHERE oid = 'airbyte.t'::regclass;
