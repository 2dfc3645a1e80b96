CREATE VIEW public.v AS SELECT id, a FROM airbyte.t;
ALTER VIEW public.v OWNER TO {{writer}};
