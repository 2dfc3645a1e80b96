CREATE SCHEMA airbyte;
CREATE VIEW airbyte.users AS SELECT 1 AS id;
