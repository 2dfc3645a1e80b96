CREATE VIEW public.v AS SELECT b FROM airbyte.t;
