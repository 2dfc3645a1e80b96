SELECT 'airbyte.t'::regclass::oid = oid AS same_table FROM public.before;
SELECT attname, col_description(attrelid, attnum) AS comment FROM pg_attribute WHERE attrelid = 'airbyte.t'::regclass AND attname IN ('_airbyte_raw_id', '_airbyte_meta') ORDER BY 1;
