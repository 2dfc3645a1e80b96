CREATE VIEW public.report AS SELECT id, v FROM airbyte.users;
CREATE ROLE {{database}}_reader;
GRANT SELECT ON public.report TO {{database}}_reader;
COMMENT ON VIEW public.report IS 'of the user';
ALTER VIEW public.report OWNER TO {{writer}};
GRANT CREATE, USAGE ON SCHEMA public TO {{writer}};
