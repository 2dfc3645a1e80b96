REVOKE CREATE ON DATABASE {{database}} FROM {{writer}};
