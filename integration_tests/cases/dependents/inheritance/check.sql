SELECT 'airbyte.t'::regclass::oid = oid AS same_table FROM public.before;
SELECT inhparent::regclass::text AS parent FROM pg_inherits WHERE inhrelid = 'public.child'::regclass;
