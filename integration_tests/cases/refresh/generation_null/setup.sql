CREATE SCHEMA airbyte AUTHORIZATION {{writer}};
CREATE TABLE airbyte.t (_airbyte_raw_id varchar NOT NULL, _airbyte_extracted_at timestamptz NOT NULL, _airbyte_meta jsonb, _airbyte_generation_id bigint, id bigint, name varchar);
ALTER TABLE airbyte.t OWNER TO {{writer}};
INSERT INTO airbyte.t VALUES ('old', '2020-01-01', NULL, NULL, 1, 'without a generation');
