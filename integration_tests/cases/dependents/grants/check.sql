SELECT 'airbyte.t'::regclass::oid = oid AS same_table FROM public.before;
SELECT has_table_privilege('{{database}}_reader', 'airbyte.t', 'SELECT') AS reader, has_column_privilege('{{database}}_clerk', 'airbyte.t', 'id', 'SELECT') AS clerk_id, has_column_privilege('{{database}}_clerk', 'airbyte.t', 'name', 'UPDATE') AS clerk_name;
