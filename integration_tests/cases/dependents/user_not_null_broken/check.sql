SELECT 'airbyte.t'::regclass::oid = oid AS same_table FROM public.before;
