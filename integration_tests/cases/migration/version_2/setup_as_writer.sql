CREATE SCHEMA airbyte;
CREATE SCHEMA airbyte_internal;
CREATE TABLE airbyte_internal.airbyte_raw__stream_users (_airbyte_raw_id varchar(36) PRIMARY KEY, _airbyte_data jsonb, _airbyte_extracted_at timestamptz DEFAULT now(), _airbyte_loaded_at timestamptz, _airbyte_meta jsonb);
INSERT INTO airbyte_internal.airbyte_raw__stream_users VALUES ('9cf974de-52cf-4194-9f3d-7efa76ba4d81', '{"id": 1, "amount": 1.5}', '2024-01-01T00:00:00Z', '2024-01-01T00:01:00Z', '{"changes": []}');
CREATE TABLE airbyte.users (_airbyte_raw_id varchar(36) NOT NULL, _airbyte_extracted_at timestamptz NOT NULL, _airbyte_meta jsonb NOT NULL, id bigint, updated_at timestamptz, amount numeric(38,9), note varchar);
CREATE INDEX ON airbyte.users (_airbyte_extracted_at);
CREATE INDEX ON airbyte.users (id, updated_at, _airbyte_extracted_at);
CREATE INDEX ON airbyte.users (_airbyte_raw_id);
INSERT INTO airbyte.users VALUES ('9cf974de-52cf-4194-9f3d-7efa76ba4d81', '2024-01-01T00:00:00Z', '{"errors": []}', 1, '2024-01-01T00:00:00Z', 1.5, 'old'), ('9cf974de-52cf-4194-9f3d-7efa76ba4d82', '2024-01-01T00:00:00Z', '{"errors": []}', 2, '2024-01-01T00:00:00Z', 2.5, 'old');
