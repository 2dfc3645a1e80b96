CREATE VIEW public.v AS SELECT a FROM airbyte.t;
