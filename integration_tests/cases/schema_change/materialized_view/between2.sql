CREATE MATERIALIZED VIEW public.m AS SELECT id, a FROM airbyte.t;
CREATE UNIQUE INDEX m_id ON public.m (id);
ALTER MATERIALIZED VIEW public.m OWNER TO {{writer}};
GRANT CREATE, USAGE ON SCHEMA public TO {{writer}};
