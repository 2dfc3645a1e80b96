CREATE SCHEMA airbyte AUTHORIZATION {{writer}};
CREATE TABLE airbyte.t (_airbyte_raw_id varchar NOT NULL, _airbyte_extracted_at timestamptz NOT NULL, _airbyte_meta jsonb NOT NULL, _airbyte_generation_id bigint NOT NULL, id bigint, mine varchar NOT NULL);
ALTER TABLE airbyte.t OWNER TO {{writer}};
