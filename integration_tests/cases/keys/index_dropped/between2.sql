DROP INDEX airbyte.idx_pk_k, airbyte.idx_extracted_at_k;
