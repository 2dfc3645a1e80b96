SELECT id FROM airbyte.archive;
SELECT id FROM ONLY airbyte.s;
