SELECT tablename FROM pg_publication_tables WHERE pubname = '{{database}}_pub' AND schemaname = 'airbyte';
