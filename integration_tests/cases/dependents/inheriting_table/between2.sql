CREATE TABLE airbyte.archive () INHERITS (airbyte.s);
INSERT INTO airbyte.archive (_airbyte_raw_id, _airbyte_extracted_at, _airbyte_meta, _airbyte_generation_id, id) VALUES ('kept', '2024-01-01 00:00:00+00', '{}', 0, 99);
