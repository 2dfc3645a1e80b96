CREATE VIEW public.report AS SELECT id, v + 1 AS next FROM airbyte.users;
ALTER VIEW public.report OWNER TO {{writer}};
GRANT CREATE, USAGE ON SCHEMA public TO {{writer}};
