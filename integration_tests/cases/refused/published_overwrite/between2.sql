CREATE PUBLICATION {{database}}_pub FOR TABLE airbyte.t;
