DO $$ BEGIN EXECUTE format('CREATE FUNCTION public.before() RETURNS oid LANGUAGE sql AS $f$SELECT %s::oid$f$', 'airbyte.t'::regclass::oid); END $$;
ALTER TABLE airbyte.t ADD UNIQUE (id);
CREATE TABLE public.orders (t_id bigint CONSTRAINT points REFERENCES airbyte.t (id) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO public.orders VALUES (2), (NULL);
