ALTER TABLE airbyte.t ADD COLUMN mine varchar DEFAULT 'by default';
UPDATE airbyte.t SET mine = 'by hand' WHERE id = 1;
