SELECT id, length(o::text) AS o, length(a::text) AS a, length(u::text) AS u, length(s) AS s, _airbyte_meta FROM airbyte.v ORDER BY id;
