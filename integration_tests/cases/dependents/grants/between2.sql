CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
CREATE ROLE {{database}}_reader;
CREATE ROLE {{database}}_clerk;
GRANT SELECT ON airbyte.t TO {{database}}_reader;
GRANT SELECT (id), UPDATE (name) ON airbyte.t TO {{database}}_clerk;
