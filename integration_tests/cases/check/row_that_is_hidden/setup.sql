CREATE FUNCTION public.no_tables() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no tables here''; END';
CREATE EVENT TRIGGER {{database}}_no_tables ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.no_tables();
