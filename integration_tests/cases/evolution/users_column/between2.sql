ALTER TABLE airbyte.users ADD COLUMN note text DEFAULT 'of the user';
