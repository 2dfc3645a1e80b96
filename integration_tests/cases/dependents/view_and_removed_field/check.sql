SELECT 'airbyte.t'::regclass::oid = oid AS same_table FROM public.before;
SELECT * FROM public.v;
