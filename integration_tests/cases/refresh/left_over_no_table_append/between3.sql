DROP TABLE airbyte.t;
