SELECT 'airbyte.t'::regclass::oid = public.before() AS same_table;
SELECT inhparent::regclass::text AS parent FROM pg_inherits WHERE inhrelid = 'public.child'::regclass;
