CREATE ROLE "{{database}}_reader";
ALTER DEFAULT PRIVILEGES FOR ROLE "{{writer}}" IN SCHEMA airbyte GRANT SELECT ON TABLES TO "{{database}}_reader";
SET ROLE "{{writer}}";
CREATE VIEW airbyte.v AS SELECT v FROM airbyte.s;
REVOKE ALL ON airbyte.v FROM "{{database}}_reader";
RESET ROLE;
