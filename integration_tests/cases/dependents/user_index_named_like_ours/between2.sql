CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
CREATE INDEX idx_cursor_mine ON airbyte.t (lower(name));
CREATE INDEX idx_pk_by_name ON airbyte.t (name);
