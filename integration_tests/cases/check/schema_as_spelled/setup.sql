CREATE SCHEMA "It""s-a schema" AUTHORIZATION {{writer}};
