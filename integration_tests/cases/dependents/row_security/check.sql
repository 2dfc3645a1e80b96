SELECT 'airbyte.t'::regclass::oid = public.before() AS same_table;
SELECT relrowsecurity FROM pg_class WHERE oid = 'airbyte.t'::regclass;
SELECT polname, pg_get_expr(polqual, polrelid) AS using FROM pg_policy WHERE polrelid = 'airbyte.t'::regclass;
