SELECT c0, c1595 FROM airbyte.t;
SELECT count(*) FROM pg_attribute WHERE attrelid = 'airbyte.t'::regclass AND attnum > 0;
