SELECT length(id) AS id, left(name, 20) AS name, length(at) AS at FROM airbyte.k ORDER BY 1, 2;
