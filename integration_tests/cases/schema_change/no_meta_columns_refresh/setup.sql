CREATE SCHEMA airbyte AUTHORIZATION {{writer}};
CREATE TABLE airbyte.t (_airbyte_raw_id varchar NOT NULL, _airbyte_extracted_at timestamptz NOT NULL, id bigint, amount numeric(38,9), mine varchar);
ALTER TABLE airbyte.t OWNER TO {{writer}};
INSERT INTO airbyte.t (_airbyte_raw_id, _airbyte_extracted_at, id, amount, mine) VALUES ('old', '2020-01-01', 1, 1.5, 'by hand');
