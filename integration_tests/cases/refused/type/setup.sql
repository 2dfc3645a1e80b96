CREATE SCHEMA airbyte AUTHORIZATION {{writer}};
CREATE TYPE airbyte.t AS ENUM ('a');
