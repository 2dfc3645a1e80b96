SELECT 'airbyte.t'::regclass::oid = oid AS same_table FROM public.before;
SELECT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE oid = 'airbyte.t'::regclass;
