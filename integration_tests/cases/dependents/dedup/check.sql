SELECT 'airbyte.t'::regclass::oid = public.before() AS same_table;
SELECT * FROM public.v ORDER BY id;
