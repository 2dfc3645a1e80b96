SELECT relreplident FROM pg_class WHERE oid = 'airbyte.t'::regclass;
