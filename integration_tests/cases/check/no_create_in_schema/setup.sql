CREATE SCHEMA airbyte;
GRANT USAGE ON SCHEMA airbyte TO {{writer}};
