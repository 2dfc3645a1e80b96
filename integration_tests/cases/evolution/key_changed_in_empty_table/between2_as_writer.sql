DELETE FROM airbyte.users;
