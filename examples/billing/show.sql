\echo
\echo 'An invoice with its line items: decimals keep every digit, nested data is jsonb.'
SELECT number, customer_id, status, currency, subtotal, tax, total FROM billing.invoices WHERE id = 'inv_00001';
SELECT item ->> 'description' AS item, (item -> 'quantity')::numeric AS quantity, (item -> 'unit_price')::numeric AS unit_price,
       (item -> 'amount')::numeric AS amount
FROM billing.invoices, jsonb_array_elements(line_items) AS item WHERE id = 'inv_00001';

\echo 'One invoice came with the due date "2026-02-30". The row is there, the value is not, and the row says so.'
SELECT number, total, due_date, _airbyte_meta -> 'changes' AS changes
FROM billing.invoices WHERE jsonb_array_length(_airbyte_meta -> 'changes') > 0;

\echo 'The second sync deleted a plan, paid invoices, and brought the column customers.vat_number.'
SELECT id, name, price FROM billing.plans ORDER BY price;
SELECT status, count(*), sum(total) AS total FROM billing.invoices GROUP BY status ORDER BY status;
SELECT id, name, country, vat_number FROM billing.customers WHERE vat_number IS NOT NULL ORDER BY id LIMIT 3;

\echo 'The exchange rates came as a Parquet file. Nobody declared their columns, so they have the types of the file.'
SELECT attname AS "column", format_type(atttypid, atttypmod) AS type FROM pg_attribute
WHERE attrelid = 'billing.exchange_rates'::regclass AND attnum > 0 AND attname !~ '^_' ORDER BY attnum;
SELECT * FROM (SELECT day, currency, per_euro, sources FROM billing.exchange_rates ORDER BY day DESC, currency LIMIT 3) latest;
