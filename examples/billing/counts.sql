WITH rows (position, stream, generation, extracted) AS (
    SELECT 1, 'customers', _airbyte_generation_id, _airbyte_extracted_at FROM billing.customers
    UNION ALL SELECT 2, 'plans', _airbyte_generation_id, _airbyte_extracted_at FROM billing.plans
    UNION ALL SELECT 3, 'subscriptions', _airbyte_generation_id, _airbyte_extracted_at FROM billing.subscriptions
    UNION ALL SELECT 4, 'invoices', _airbyte_generation_id, _airbyte_extracted_at FROM billing.invoices
    UNION ALL SELECT 5, 'credit_ledger', _airbyte_generation_id, _airbyte_extracted_at FROM billing.credit_ledger
    UNION ALL SELECT 6, 'daily_usage', _airbyte_generation_id, _airbyte_extracted_at FROM billing.daily_usage
)
SELECT stream, count(*) AS rows, string_agg(DISTINCT generation::text, ', ') AS generations, max(extracted)::date AS newest
FROM rows GROUP BY position, stream ORDER BY position;
