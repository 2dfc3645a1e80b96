ALTER TABLE airbyte.t ADD COLUMN mine varchar;
UPDATE airbyte.t SET mine = 'by hand';
