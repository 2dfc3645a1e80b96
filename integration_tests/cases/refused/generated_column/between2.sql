COMMENT ON COLUMN airbyte.s._airbyte_meta IS NULL;
ALTER TABLE airbyte.s ADD COLUMN b bigint GENERATED ALWAYS AS (a * 2) STORED;
