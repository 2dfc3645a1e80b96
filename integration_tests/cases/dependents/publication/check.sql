SELECT 'airbyte.t'::regclass::oid = public.before() AS same_table;
SELECT tablename FROM pg_publication_tables WHERE pubname = '{{database}}_pub';
