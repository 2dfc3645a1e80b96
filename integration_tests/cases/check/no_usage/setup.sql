CREATE SCHEMA airbyte;
GRANT CREATE ON SCHEMA airbyte TO {{writer}};
