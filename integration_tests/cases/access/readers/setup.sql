CREATE ROLE {{database}}_reader;
CREATE ROLE "{{database}}_Other reader";
