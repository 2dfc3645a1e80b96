SELECT id, v FROM public.report ORDER BY v;
