SELECT _airbyte_extracted_at, c.entry->>'field' AS field, c.entry->>'change' AS change, c.entry->>'reason' AS reason
FROM airbyte.a t, jsonb_array_elements(t._airbyte_meta->'changes') WITH ORDINALITY AS c(entry, position)
ORDER BY _airbyte_extracted_at, c.position;
