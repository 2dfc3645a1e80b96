CREATE ROLE {{database}}_reader;
CREATE SCHEMA airbyte AUTHORIZATION {{writer}};
ALTER DEFAULT PRIVILEGES FOR ROLE {{writer}} IN SCHEMA airbyte GRANT SELECT ON TABLES TO {{database}}_reader;
