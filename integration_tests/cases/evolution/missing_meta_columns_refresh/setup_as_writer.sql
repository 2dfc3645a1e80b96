CREATE SCHEMA airbyte;
CREATE TABLE airbyte.users (_airbyte_raw_id varchar NOT NULL, _airbyte_extracted_at timestamptz NOT NULL, id bigint);
INSERT INTO airbyte.users VALUES ('9cf974de-52cf-4194-9f3d-7efa76ba4d84', '2024-01-01T00:00:00Z', 1);
