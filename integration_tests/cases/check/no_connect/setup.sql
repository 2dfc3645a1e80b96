REVOKE ALL ON DATABASE {{database}} FROM {{writer}};
