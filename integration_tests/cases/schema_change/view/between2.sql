CREATE VIEW public.v AS SELECT id, a FROM airbyte.t;
CREATE VIEW public.w AS SELECT a AS b FROM public.v;
CREATE ROLE {{database}}_reader;
GRANT SELECT ON public.v TO {{database}}_reader;
COMMENT ON VIEW public.v IS 'a comment';
COMMENT ON COLUMN public.v.a IS 'a column';
ALTER VIEW public.v OWNER TO {{writer}};
ALTER VIEW public.w OWNER TO {{writer}};
GRANT CREATE, USAGE ON SCHEMA public TO {{writer}};
