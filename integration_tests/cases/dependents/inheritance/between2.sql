CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
CREATE TABLE public.child () INHERITS (airbyte.t);
