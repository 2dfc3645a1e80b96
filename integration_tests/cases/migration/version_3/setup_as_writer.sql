CREATE SCHEMA airbyte;
CREATE TABLE airbyte.users (_airbyte_raw_id varchar NOT NULL, _airbyte_extracted_at timestamptz NOT NULL, _airbyte_meta jsonb NOT NULL, _airbyte_generation_id bigint NOT NULL, id bigint, updated_at timestamptz, amount numeric, note varchar);
CREATE INDEX idx_pk_users ON airbyte.users (id);
CREATE INDEX idx_cursor_users ON airbyte.users (updated_at);
CREATE INDEX idx_extracted_at_users ON airbyte.users (_airbyte_extracted_at);
INSERT INTO airbyte.users VALUES ('9cf974de-52cf-4194-9f3d-7efa76ba4d81', '2024-01-01T00:00:00Z', '{"sync_id": 7, "changes": []}', 0, 1, '2024-01-01T00:00:00Z', 1.5, 'old'), ('9cf974de-52cf-4194-9f3d-7efa76ba4d82', '2024-01-01T00:00:00Z', '{"sync_id": 7, "changes": []}', 0, 2, '2024-01-01T00:00:00Z', 1.5, 'old');
