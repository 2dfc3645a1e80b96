SELECT * FROM public.m ORDER BY id;
SELECT indexdef FROM pg_indexes WHERE tablename = 'm';
