CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
ALTER TABLE airbyte.t ADD UNIQUE (id);
CREATE TABLE public.orders (t_id bigint CONSTRAINT points REFERENCES airbyte.t (id));
INSERT INTO public.orders VALUES (1), (NULL);
