SELECT pg_get_indexdef('airbyte.idx_pk_k'::regclass) AS definition;
