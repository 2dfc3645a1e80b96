SELECT id, v, pg_typeof(v) FROM public.report ORDER BY id;
SELECT has_table_privilege('{{database}}_reader', 'public.report', 'SELECT') AS may_read, obj_description('public.report'::regclass) AS comment;
DROP OWNED BY {{database}}_reader;
DROP ROLE {{database}}_reader;
