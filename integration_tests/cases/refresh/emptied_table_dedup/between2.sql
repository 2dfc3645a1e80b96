TRUNCATE airbyte.t;
