SELECT 'airbyte.t'::regclass::oid = public.before() AS same_table;
SELECT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE oid = 'airbyte.t'::regclass;
