CREATE UNIQUE INDEX mine ON airbyte.k (id);
