SELECT 'airbyte.t'::regclass::oid = public.before() AS same_table;
SELECT public.label(t) FROM airbyte.t ORDER BY 1;
