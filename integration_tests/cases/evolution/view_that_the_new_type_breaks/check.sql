SELECT * FROM public.report ORDER BY id;
