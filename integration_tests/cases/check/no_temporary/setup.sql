REVOKE TEMPORARY ON DATABASE {{database}} FROM {{writer}};
