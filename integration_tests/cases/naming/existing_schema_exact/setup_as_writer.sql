CREATE SCHEMA "my-schema é ""x""";
