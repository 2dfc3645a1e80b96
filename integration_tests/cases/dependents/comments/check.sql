SELECT 'airbyte.t'::regclass::oid = public.before() AS same_table;
SELECT obj_description('airbyte.t'::regclass, 'pg_class') AS of_table, col_description('airbyte.t'::regclass, attnum) AS of_column FROM pg_attribute WHERE attrelid = 'airbyte.t'::regclass AND attname = 'name';
