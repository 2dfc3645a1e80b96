SELECT current_setting('test.file') = pg_relation_filepath('airbyte.users') AS not_rewritten;
