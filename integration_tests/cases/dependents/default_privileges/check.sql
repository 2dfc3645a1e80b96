SELECT 'airbyte.t'::regclass::oid = oid AS same_table FROM public.before;
SELECT has_table_privilege('{{database}}_reader', 'airbyte.t', 'SELECT') AS reader;
