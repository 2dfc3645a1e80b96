ALTER TABLE airbyte._airbyte_next_t_918c922c OWNER TO postgres;
