SELECT 'airbyte.t'::regclass::oid = public.before() AS same_table;
SELECT has_table_privilege('{{database}}_reader', 'airbyte.t', 'SELECT') AS reader;
