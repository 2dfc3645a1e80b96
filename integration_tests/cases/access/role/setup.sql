CREATE ROLE "{{database}}_Owner";
GRANT "{{database}}_Owner" TO {{writer}};
GRANT CREATE, TEMPORARY ON DATABASE {{database}} TO "{{database}}_Owner";
