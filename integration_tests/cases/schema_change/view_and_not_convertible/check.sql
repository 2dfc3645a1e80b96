SELECT * FROM public.v ORDER BY id;
