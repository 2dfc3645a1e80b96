SELECT 'airbyte.t'::regclass::oid = public.before() AS same_table;
SELECT attname, split_part(col_description(attrelid, attnum), E'\n', 1) AS comment FROM pg_attribute WHERE attrelid = 'airbyte.t'::regclass AND attname IN ('_airbyte_raw_id', '_airbyte_meta') ORDER BY 1;
