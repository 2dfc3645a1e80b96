SELECT * FROM public.v;
