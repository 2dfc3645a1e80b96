SELECT 'airbyte.t'::regclass::oid = public.before() AS same_table;
SELECT id, pg_typeof(id) AS type FROM public.v ORDER BY id;
