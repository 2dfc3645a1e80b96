SELECT length(id) AS length, name FROM airbyte.k ORDER BY 1;
