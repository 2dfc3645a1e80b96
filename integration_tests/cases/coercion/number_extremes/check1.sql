SELECT input, value = input::numeric AS exact, scale(value), length(value::text) FROM airbyte."values" ORDER BY input COLLATE "C";
