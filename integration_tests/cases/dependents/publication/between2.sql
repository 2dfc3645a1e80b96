CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
CREATE PUBLICATION {{database}}_pub FOR TABLE airbyte.t;
