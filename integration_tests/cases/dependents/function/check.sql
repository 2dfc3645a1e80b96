SELECT 'airbyte.t'::regclass::oid = oid AS same_table FROM public.before;
SELECT public.label(t) FROM airbyte.t ORDER BY 1;
