CREATE TABLE public.before AS SELECT 'airbyte.t'::regclass::oid AS oid;
CREATE TABLE public.names (name varchar PRIMARY KEY);
INSERT INTO public.names VALUES ('old'), ('new');
GRANT SELECT, REFERENCES ON public.names TO {{writer}};
GRANT USAGE ON SCHEMA public TO {{writer}};
ALTER TABLE airbyte.t ADD CONSTRAINT known FOREIGN KEY (name) REFERENCES public.names;
