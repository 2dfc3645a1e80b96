SELECT id, length(key) AS length, name FROM airbyte.users ORDER BY id;
