CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
CREATE VIEW public.v AS SELECT id, name FROM airbyte.t;
