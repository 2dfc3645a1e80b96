SELECT a, b, name FROM airbyte.users ORDER BY a, b;
