SELECT to_regclass('public.v') AS view;
