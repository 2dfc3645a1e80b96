ALTER TABLE airbyte.a ADD UNIQUE (id);
CREATE TABLE public.child (id bigint REFERENCES airbyte.a (id));
INSERT INTO public.child VALUES (1);
