SELECT has_table_privilege('{{database}}_reader', 'airbyte.v', 'SELECT');
SELECT v FROM airbyte.v ORDER BY v;
