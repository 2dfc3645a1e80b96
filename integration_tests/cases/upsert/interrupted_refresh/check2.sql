SELECT id, name FROM airbyte.users ORDER BY id;
