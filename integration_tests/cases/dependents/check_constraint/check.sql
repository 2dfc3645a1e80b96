SELECT 'airbyte.t'::regclass::oid = public.before() AS same_table;
