CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
CREATE ROLE {{database}}_owner;
GRANT {{database}}_owner TO {{writer}};
GRANT ALL ON SCHEMA airbyte TO {{database}}_owner;
ALTER TABLE airbyte.t OWNER TO {{database}}_owner;
