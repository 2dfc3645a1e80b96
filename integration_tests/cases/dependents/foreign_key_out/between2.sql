DO $$ BEGIN EXECUTE format('CREATE FUNCTION public.before() RETURNS oid LANGUAGE sql AS $f$SELECT %s::oid$f$', 'airbyte.t'::regclass::oid); END $$;
CREATE TABLE public.names (name varchar PRIMARY KEY);
INSERT INTO public.names VALUES ('old'), ('new');
GRANT SELECT, REFERENCES ON public.names TO {{writer}};
GRANT USAGE ON SCHEMA public TO {{writer}};
ALTER TABLE airbyte.t ADD CONSTRAINT known FOREIGN KEY (name) REFERENCES public.names;
