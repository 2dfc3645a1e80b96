SELECT 'airbyte.t'::regclass::oid = oid AS same_table FROM public.before;
SELECT * FROM public.m ORDER BY id;
REFRESH MATERIALIZED VIEW public.m;
SELECT * FROM public.m ORDER BY id;
