REVOKE CREATE ON DATABASE {{database}} FROM {{writer}};
CREATE SCHEMA airbyte;
GRANT ALL ON SCHEMA airbyte TO {{writer}};
