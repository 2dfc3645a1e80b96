DO $$ BEGIN EXECUTE format('CREATE FUNCTION public.before() RETURNS oid LANGUAGE sql AS $f$SELECT %s::oid$f$', 'airbyte.t'::regclass::oid); END $$;
CREATE TABLE public.seen (id bigint);
GRANT ALL ON public.seen TO {{writer}};
GRANT USAGE ON SCHEMA public TO {{writer}};
CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.seen VALUES (NEW.id); RETURN NEW; END';
CREATE TRIGGER see AFTER INSERT ON airbyte.t FOR EACH ROW EXECUTE FUNCTION public.see();
