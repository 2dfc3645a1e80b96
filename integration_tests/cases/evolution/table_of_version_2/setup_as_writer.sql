CREATE SCHEMA airbyte;
CREATE TABLE airbyte.users (_airbyte_raw_id varchar NOT NULL, _airbyte_extracted_at timestamptz NOT NULL, _airbyte_meta jsonb NOT NULL, _airbyte_generation_id bigint, id bigint, amount numeric(38,9), note varchar(20), name text, doc json, short integer, real double precision, "Mixed" varchar);
INSERT INTO airbyte.users VALUES ('9cf974de-52cf-4194-9f3d-7efa76ba4d84', '2024-01-01T00:00:00Z', '{"changes": [], "sync_id": 1}', NULL, 1, 1.5, 'short note', 'a', '{"k": 1.50}', 7, 0.1, 'kept');
CREATE INDEX mine ON airbyte.users (name);
