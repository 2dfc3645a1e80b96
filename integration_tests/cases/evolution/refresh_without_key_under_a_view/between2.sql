CREATE VIEW public.report AS SELECT id, v FROM airbyte.users;
