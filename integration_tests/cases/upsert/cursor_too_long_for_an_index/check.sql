SELECT id, length(cursor) AS length, name FROM airbyte.users ORDER BY id;
