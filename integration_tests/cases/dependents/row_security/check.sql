SELECT 'airbyte.t'::regclass::oid = oid AS same_table FROM public.before;
SELECT relrowsecurity FROM pg_class WHERE oid = 'airbyte.t'::regclass;
SELECT polname, pg_get_expr(polqual, polrelid) AS using FROM pg_policy WHERE polrelid = 'airbyte.t'::regclass;
