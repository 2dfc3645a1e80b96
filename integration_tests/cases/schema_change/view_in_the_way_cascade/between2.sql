CREATE VIEW public.v AS SELECT a + 1 AS b FROM airbyte.t;
ALTER VIEW public.v OWNER TO {{writer}};
GRANT CREATE, USAGE ON SCHEMA public TO {{writer}};
