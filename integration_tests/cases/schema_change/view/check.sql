SELECT * FROM public.v ORDER BY id;
SELECT * FROM public.w ORDER BY b;
SELECT pg_get_userbyid(relowner) AS owner, obj_description(oid, 'pg_class') AS comment, col_description(oid, 2::int) AS of_column, has_table_privilege('{{database}}_reader', oid, 'SELECT') AS reader FROM pg_class WHERE oid = 'public.v'::regclass;
SELECT pg_typeof(b) AS type FROM public.w LIMIT 1;
