ALTER TABLE airbyte.t ADD COLUMN mine varchar DEFAULT 'kept';
