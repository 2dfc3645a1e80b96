-- remembers the table's file, for check.sql
DO $$ BEGIN EXECUTE format('ALTER DATABASE {{database}} SET test.file = %L', pg_relation_filepath('airbyte.users')); END $$;
