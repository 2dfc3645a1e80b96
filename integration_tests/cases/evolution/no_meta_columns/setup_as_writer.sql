CREATE SCHEMA airbyte;
CREATE TABLE airbyte.users (id bigint);
INSERT INTO airbyte.users VALUES (1);
