CREATE SCHEMA airbyte AUTHORIZATION {{writer}};
CREATE VIEW airbyte.t AS SELECT 1 AS id;
ALTER VIEW airbyte.t OWNER TO {{writer}};
