SELECT to_regclass('public.report') IS NULL AS gone;
