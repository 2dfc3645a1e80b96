SELECT 'airbyte.t'::regclass::oid = oid AS same_table FROM public.before;
SELECT tablename FROM pg_publication_tables WHERE pubname = '{{database}}_pub';
