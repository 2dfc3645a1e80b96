CREATE SCHEMA airbyte AUTHORIZATION {{writer}};
CREATE TABLE airbyte.t (id bigint);
INSERT INTO airbyte.t VALUES (1);
ALTER TABLE airbyte.t OWNER TO {{writer}};
