SELECT 'airbyte.t'::regclass::oid = oid AS same_table FROM public.before;
SELECT id, pg_typeof(id) AS type FROM public.v ORDER BY id;
