SELECT 'airbyte.t'::regclass::oid = public.before() AS same_table;
SELECT has_table_privilege('{{database}}_reader', 'airbyte.t', 'SELECT') AS reader, has_column_privilege('{{database}}_clerk', 'airbyte.t', 'id', 'SELECT') AS clerk_id, has_column_privilege('{{database}}_clerk', 'airbyte.t', 'name', 'UPDATE') AS clerk_name;
