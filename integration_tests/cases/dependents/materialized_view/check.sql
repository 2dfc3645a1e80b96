SELECT 'airbyte.t'::regclass::oid = public.before() AS same_table;
SELECT * FROM public.m ORDER BY id;
REFRESH MATERIALIZED VIEW public.m;
SELECT * FROM public.m ORDER BY id;
