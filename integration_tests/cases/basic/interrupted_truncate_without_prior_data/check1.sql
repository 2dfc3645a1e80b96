SELECT id, name, _airbyte_generation_id FROM airbyte.first ORDER BY id;
