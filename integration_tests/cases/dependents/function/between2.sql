CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
CREATE FUNCTION public.label(airbyte.t) RETURNS varchar LANGUAGE sql AS 'SELECT $1.name';
