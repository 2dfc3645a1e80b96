SELECT relkind FROM pg_class WHERE oid = 'airbyte.t'::regclass;
DROP FOREIGN TABLE airbyte.t;
