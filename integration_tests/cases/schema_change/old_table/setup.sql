CREATE SCHEMA airbyte AUTHORIZATION {{writer}};
CREATE TABLE airbyte.t (_airbyte_raw_id varchar NOT NULL, _airbyte_extracted_at timestamptz NOT NULL, _airbyte_meta jsonb NOT NULL, _airbyte_generation_id bigint NOT NULL, id bigint, amount numeric(38,9), mine varchar);
ALTER TABLE airbyte.t OWNER TO {{writer}};
INSERT INTO airbyte.t (_airbyte_raw_id, _airbyte_extracted_at, _airbyte_meta, _airbyte_generation_id, id, amount, mine) VALUES ('old', '2020-01-01', '{"sync_id": 1, "changes": []}', 0, 1, 1.5, 'by hand');
CREATE INDEX idx_pk_t ON airbyte.t (id);
CREATE INDEX idx_extracted_at_t ON airbyte.t (_airbyte_extracted_at);
