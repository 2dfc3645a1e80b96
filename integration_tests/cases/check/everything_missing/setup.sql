REVOKE ALL ON DATABASE {{database}} FROM {{writer}};
GRANT CONNECT ON DATABASE {{database}} TO {{writer}};
