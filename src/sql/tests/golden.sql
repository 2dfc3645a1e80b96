-- ddl::create_schema
CREATE SCHEMA "sch""e.ma
    $1"

-- ddl::create_table
CREATE TABLE "sch""e.ma
    $1"."ta'b""le;--" ("_airbyte_raw_id" pg_catalog.varchar NOT NULL, "_airbyte_extracted_at" pg_catalog.timestamptz NOT NULL, "_airbyte_meta" pg_catalog.jsonb NOT NULL, "_airbyte_generation_id" pg_catalog.int8 NOT NULL, """key""" pg_catalog.int8, "cur.sor\" pg_catalog.timestamptz, "de
    leted" pg_catalog.timestamptz, "$1 /* ' */" pg_catalog.varchar)

-- ddl::create_table in raw mode
CREATE TABLE "sch""e.ma
    $1"."ta'b""le;--" ("_airbyte_raw_id" pg_catalog.varchar NOT NULL, "_airbyte_extracted_at" pg_catalog.timestamptz NOT NULL, "_airbyte_meta" pg_catalog.jsonb NOT NULL, "_airbyte_generation_id" pg_catalog.int8 NOT NULL, "_airbyte_loaded_at" pg_catalog.timestamptz, "$1 /* ' */" pg_catalog.varchar NOT NULL)

-- ddl::create_table with ddl::builtin_type
CREATE TABLE "sch""e.ma
    $1"."ta'b""le;--" ("_airbyte_raw_id" pg_catalog.varchar NOT NULL, "_airbyte_extracted_at" pg_catalog.timestamptz NOT NULL, "_airbyte_meta" pg_catalog.jsonb NOT NULL, "_airbyte_generation_id" pg_catalog.int8 NOT NULL, "de
    leted" pg_catalog."cur.sor\")

-- shape::shaped
CREATE TABLE "sch""e.ma
    $1"."ta'b""le;--" ("_airbyte_raw_id" pg_catalog.varchar NOT NULL, "_airbyte_extracted_at" pg_catalog.timestamptz NOT NULL, "_airbyte_meta" pg_catalog.jsonb NOT NULL, "_airbyte_generation_id" pg_catalog.int8 NOT NULL, "_airbyte_loaded_at" pg_catalog.timestamptz, "$1 /* ' */" pg_catalog.varchar NOT NULL) PARTITION BY RANGE (at) TABLESPACE "$1 /* ' */"

-- shape::shaped, one heap
CREATE TABLE "sch""e.ma
    $1"."ta'b""le;--" ("_airbyte_raw_id" pg_catalog.varchar NOT NULL, "_airbyte_extracted_at" pg_catalog.timestamptz NOT NULL, "_airbyte_meta" pg_catalog.jsonb NOT NULL, "_airbyte_generation_id" pg_catalog.int8 NOT NULL, "_airbyte_loaded_at" pg_catalog.timestamptz, "$1 /* ' */" pg_catalog.varchar NOT NULL) WITH (fillfactor = 80) TABLESPACE "$1 /* ' */"

-- shape::partition
CREATE TABLE "sch""e.ma
    $1"."ta'b""le;--" PARTITION OF "sch""e.ma
    $1"."ta'b""le;--" FOR VALUES FROM (1) TO (2) WITH (fillfactor = 80) TABLESPACE "$1 /* ' */"

-- shape::partition for the rest
CREATE TABLE "sch""e.ma
    $1"."ta'b""le;--" PARTITION OF "sch""e.ma
    $1"."ta'b""le;--" DEFAULT

-- shape::after_create
CREATE INDEX ON "sch""e.ma
    $1"."ta'b""le;--" (x); GRANT USAGE ON SCHEMA "sch""e.ma
    $1" TO y

-- ddl::create_load_table
CREATE TEMPORARY TABLE pg_temp."ta'b""le;--" ("_airbyte_raw_id" pg_catalog.varchar, "_airbyte_extracted_at" pg_catalog.timestamptz, """key""" pg_catalog.int8, "cur.sor\" pg_catalog.timestamptz, "de
    leted" pg_catalog.timestamptz, "$1 /* ' */" pg_catalog.varchar) ON COMMIT DROP

-- ddl::create_load_table with changes and arrival
CREATE TEMPORARY TABLE pg_temp."ta'b""le;--" ("_airbyte_raw_id" pg_catalog.varchar, "_airbyte_extracted_at" pg_catalog.timestamptz, "_airbyte_meta" pg_catalog.jsonb, "_airbyte_loaded_at" pg_catalog.int8, """key""" pg_catalog.int8, "cur.sor\" pg_catalog.timestamptz, "de
    leted" pg_catalog.timestamptz, "$1 /* ' */" pg_catalog.varchar) ON COMMIT DROP

-- ddl::copy_into_load_table
COPY pg_temp."ta'b""le;--" FROM STDIN (FORMAT binary)

-- ddl::add_column
ALTER TABLE "sch""e.ma
    $1"."ta'b""le;--" ADD COLUMN "$1 /* ' */" pg_catalog.numeric

-- ddl::drop_column
ALTER TABLE "sch""e.ma
    $1"."ta'b""le;--" DROP COLUMN "$1 /* ' */"

-- ddl::drop_column and what depends
ALTER TABLE "sch""e.ma
    $1"."ta'b""le;--" DROP COLUMN "$1 /* ' */" CASCADE

-- ddl::rename_column
ALTER TABLE "sch""e.ma
    $1"."ta'b""le;--" RENAME COLUMN "$1 /* ' */" TO """key"""

-- ddl::convert_column
ALTER TABLE "sch""e.ma
    $1"."ta'b""le;--" ALTER COLUMN "$1 /* ' */" TYPE pg_catalog.int8 USING "$1 /* ' */"::pg_catalog.text::pg_catalog.int8

-- ddl::retype_empty_column
ALTER TABLE "sch""e.ma
    $1"."ta'b""le;--" ALTER COLUMN "$1 /* ' */" TYPE pg_catalog.date USING NULL::pg_catalog.date

-- ddl::has_unconvertible
SELECT EXISTS (SELECT FROM "sch""e.ma
    $1"."ta'b""le;--" WHERE "$1 /* ' */" IS NOT NULL AND ("$1 /* ' */"::pg_catalog.text ~ '^(0|-?[1-9][0-9]*)$') IS NOT TRUE)

-- ddl::has_rows
SELECT EXISTS (SELECT FROM "sch""e.ma
    $1"."ta'b""le;--")

-- ddl::any_generation
SELECT COALESCE("_airbyte_generation_id", 0) FROM "sch""e.ma
    $1"."ta'b""le;--" LIMIT 1

-- ddl::has_older_generation
SELECT EXISTS (SELECT FROM "sch""e.ma
    $1"."ta'b""le;--" WHERE COALESCE("_airbyte_generation_id", 0) < -7)

-- ddl::comment_mapping
COMMENT ON COLUMN "sch""e.ma
    $1"."ta'b""le;--"."_airbyte_meta" IS E'$1 /* '' */'

-- ddl::comment_table
COMMENT ON TABLE "sch""e.ma
    $1"."ta'b""le;--" IS E'$1 /* '' */'

-- ddl::uncomment_table
COMMENT ON TABLE "sch""e.ma
    $1"."ta'b""le;--" IS NULL

-- ddl::drop_table
DROP TABLE "sch""e.ma
    $1"."ta'b""le;--"

-- ddl::drop_table and what depends
DROP TABLE "sch""e.ma
    $1"."ta'b""le;--" CASCADE

-- ddl::add_check
ALTER TABLE "sch""e.ma
    $1"."ta'b""le;--" ADD CONSTRAINT """key""" CHECK ((id < 3))

-- ddl::drop_check
ALTER TABLE "sch""e.ma
    $1"."ta'b""le;--" DROP CONSTRAINT """key"""

-- ddl::rename_table
ALTER TABLE "sch""e.ma
    $1"."ta'b""le;--" RENAME TO """key"""

-- ddl::lock_table
SET LOCAL lock_timeout = 5000; LOCK TABLE ONLY "sch""e.ma
    $1"."ta'b""le;--" IN ACCESS EXCLUSIVE MODE; SET LOCAL lock_timeout = 60000

-- ddl::truncate
TRUNCATE TABLE ONLY "sch""e.ma
    $1"."ta'b""le;--"

-- ddl::delete_all
DELETE FROM "sch""e.ma
    $1"."ta'b""le;--"

-- ddl::replica_identity_full
ALTER TABLE "sch""e.ma
    $1"."ta'b""le;--" REPLICA IDENTITY FULL

-- ddl::create_index
CREATE INDEX "$1 /* ' */" ON "sch""e.ma
    $1"."ta'b""le;--" ("""key""", "$1 /* ' */")

-- ddl::create_index unique
CREATE UNIQUE INDEX "$1 /* ' */" ON "sch""e.ma
    $1"."ta'b""le;--" ("""key""", "$1 /* ' */")

-- ddl::create_index unique, equal nulls
CREATE UNIQUE INDEX "$1 /* ' */" ON "sch""e.ma
    $1"."ta'b""le;--" ("""key""", "$1 /* ' */") NULLS NOT DISTINCT

-- ddl::comment_index
COMMENT ON INDEX "sch""e.ma
    $1"."$1 /* ' */" IS E'"key"'

-- ddl::drop_index
DROP INDEX "sch""e.ma
    $1"."$1 /* ' */"

-- ddl::rename_index
ALTER INDEX "sch""e.ma
    $1"."$1 /* ' */" RENAME TO """key"""

-- ddl::grant_usage
GRANT USAGE ON SCHEMA "sch""e.ma
    $1" TO "$1 /* ' */"

-- ddl::grant_select
GRANT SELECT ON TABLE "sch""e.ma
    $1"."ta'b""le;--" TO "$1 /* ' */"

-- ddl::drop_not_null
ALTER TABLE "sch""e.ma
    $1"."ta'b""le;--" ALTER COLUMN "$1 /* ' */" DROP NOT NULL

-- merge::insert
INSERT INTO "sch""e.ma
    $1"."ta'b""le;--" AS t ("_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id", """key""", "cur.sor\", "de
    leted", "$1 /* ' */") SELECT s."_airbyte_raw_id", s."_airbyte_extracted_at", '{"changes": [], "sync_id": 5}'::pg_catalog.jsonb, 7::pg_catalog.int8, s."""key""", s."cur.sor\", s."de
    leted", s."$1 /* ' */" FROM pg_temp."ta'b""le;--" s

-- merge::insert with changes
INSERT INTO "sch""e.ma
    $1"."ta'b""le;--" AS t ("_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id", """key""", "cur.sor\", "de
    leted", "$1 /* ' */") SELECT s."_airbyte_raw_id", s."_airbyte_extracted_at", CASE WHEN s."_airbyte_meta" IS NULL THEN '{"changes": [], "sync_id": 5}'::pg_catalog.jsonb ELSE pg_catalog.jsonb_build_object('sync_id', 5, 'changes', s."_airbyte_meta") END, 7::pg_catalog.int8, s."""key""", s."cur.sor\", s."de
    leted", s."$1 /* ' */" FROM pg_temp."ta'b""le;--" s

-- merge::insert of a table
INSERT INTO "sch""e.ma
    $1"."ta'b""le;--" AS t ("_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id", """key""", "cur.sor\", "de
    leted", "$1 /* ' */") SELECT s."_airbyte_raw_id", s."_airbyte_extracted_at", s."_airbyte_meta", s."_airbyte_generation_id", s."""key""", s."cur.sor\", s."de
    leted", s."$1 /* ' */" FROM "sch""e.ma
    $1"."ta'b""le;--" s

-- merge::insert_newest
INSERT INTO "sch""e.ma
    $1"."ta'b""le;--" AS t ("_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id", """key""", "cur.sor\", "de
    leted", "$1 /* ' */") SELECT s."_airbyte_raw_id", s."_airbyte_extracted_at", CASE WHEN s."_airbyte_meta" IS NULL THEN '{"changes": [], "sync_id": 5}'::pg_catalog.jsonb ELSE pg_catalog.jsonb_build_object('sync_id', 5, 'changes', s."_airbyte_meta") END, 7::pg_catalog.int8, s."""key""", s."cur.sor\", s."de
    leted", s."$1 /* ' */" FROM (SELECT DISTINCT ON ("""key""", "$1 /* ' */") * FROM pg_temp."ta'b""le;--" ORDER BY """key""", "$1 /* ' */", "cur.sor\" DESC NULLS LAST, "_airbyte_extracted_at" DESC, "_airbyte_loaded_at" DESC) s WHERE s."de
    leted" IS NULL

-- merge::insert_newest of distinct rows, no cursor, no deletions
INSERT INTO "sch""e.ma
    $1"."ta'b""le;--" AS t ("_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id", """key""", "cur.sor\", "de
    leted", "$1 /* ' */") SELECT s."_airbyte_raw_id", s."_airbyte_extracted_at", '{"changes": [], "sync_id": 5}'::pg_catalog.jsonb, 7::pg_catalog.int8, s."""key""", s."cur.sor\", s."de
    leted", s."$1 /* ' */" FROM pg_temp."ta'b""le;--" s

-- merge::on_conflict
INSERT INTO "sch""e.ma
    $1"."ta'b""le;--" AS t ("_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id", """key""", "cur.sor\", "de
    leted", "$1 /* ' */") SELECT s."_airbyte_raw_id", s."_airbyte_extracted_at", CASE WHEN s."_airbyte_meta" IS NULL THEN '{"changes": [], "sync_id": 5}'::pg_catalog.jsonb ELSE pg_catalog.jsonb_build_object('sync_id', 5, 'changes', s."_airbyte_meta") END, 7::pg_catalog.int8, s."""key""", s."cur.sor\", s."de
    leted", s."$1 /* ' */" FROM (SELECT DISTINCT ON ("""key""", "$1 /* ' */") * FROM pg_temp."ta'b""le;--" ORDER BY """key""", "$1 /* ' */", "cur.sor\" DESC NULLS LAST, "_airbyte_extracted_at" DESC, "_airbyte_loaded_at" DESC) s WHERE s."de
    leted" IS NULL ON CONFLICT ("""key""", "$1 /* ' */") DO UPDATE SET "_airbyte_raw_id" = EXCLUDED."_airbyte_raw_id", "_airbyte_extracted_at" = EXCLUDED."_airbyte_extracted_at", "_airbyte_meta" = EXCLUDED."_airbyte_meta", "_airbyte_generation_id" = EXCLUDED."_airbyte_generation_id", """key""" = EXCLUDED."""key""", "cur.sor\" = EXCLUDED."cur.sor\", "de
    leted" = EXCLUDED."de
    leted", "$1 /* ' */" = EXCLUDED."$1 /* ' */" WHERE ((EXCLUDED."cur.sor\" > t."cur.sor\") OR (t."cur.sor\" IS NULL AND EXCLUDED."cur.sor\" IS NOT NULL) OR ((EXCLUDED."cur.sor\" = t."cur.sor\" OR (EXCLUDED."cur.sor\" IS NULL AND t."cur.sor\" IS NULL)) AND EXCLUDED."_airbyte_extracted_at" >= t."_airbyte_extracted_at"))

-- merge::on_conflict of distinct rows, no cursor, no deletions
INSERT INTO "sch""e.ma
    $1"."ta'b""le;--" AS t ("_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id", """key""", "cur.sor\", "de
    leted", "$1 /* ' */") SELECT s."_airbyte_raw_id", s."_airbyte_extracted_at", '{"changes": [], "sync_id": 5}'::pg_catalog.jsonb, 7::pg_catalog.int8, s."""key""", s."cur.sor\", s."de
    leted", s."$1 /* ' */" FROM pg_temp."ta'b""le;--" s WHERE true ON CONFLICT ("""key""") DO UPDATE SET "_airbyte_raw_id" = EXCLUDED."_airbyte_raw_id", "_airbyte_extracted_at" = EXCLUDED."_airbyte_extracted_at", "_airbyte_meta" = EXCLUDED."_airbyte_meta", "_airbyte_generation_id" = EXCLUDED."_airbyte_generation_id", """key""" = EXCLUDED."""key""", "cur.sor\" = EXCLUDED."cur.sor\", "de
    leted" = EXCLUDED."de
    leted", "$1 /* ' */" = EXCLUDED."$1 /* ' */" WHERE EXCLUDED."_airbyte_extracted_at" >= t."_airbyte_extracted_at"

-- merge::update
UPDATE "sch""e.ma
    $1"."ta'b""le;--" AS t SET "_airbyte_raw_id" = s."_airbyte_raw_id", "_airbyte_extracted_at" = s."_airbyte_extracted_at", "_airbyte_meta" = CASE WHEN s."_airbyte_meta" IS NULL THEN '{"changes": [], "sync_id": 5}'::pg_catalog.jsonb ELSE pg_catalog.jsonb_build_object('sync_id', 5, 'changes', s."_airbyte_meta") END, "_airbyte_generation_id" = 7::pg_catalog.int8, """key""" = s."""key""", "cur.sor\" = s."cur.sor\", "de
    leted" = s."de
    leted", "$1 /* ' */" = s."$1 /* ' */" FROM (SELECT DISTINCT ON ("""key""", "$1 /* ' */") * FROM pg_temp."ta'b""le;--" ORDER BY """key""", "$1 /* ' */", "cur.sor\" DESC NULLS LAST, "_airbyte_extracted_at" DESC, "_airbyte_loaded_at" DESC) s WHERE (t."""key""" = s."""key""" OR (t."""key""" IS NULL AND s."""key""" IS NULL)) AND (t."$1 /* ' */" = s."$1 /* ' */" OR (t."$1 /* ' */" IS NULL AND s."$1 /* ' */" IS NULL)) AND NOT ((s."""key""" IS NULL OR s."$1 /* ' */" IS NULL) AND EXISTS (SELECT FROM "sch""e.ma
    $1"."ta'b""le;--" other WHERE (other."""key""" = s."""key""" OR (other."""key""" IS NULL AND s."""key""" IS NULL)) AND (other."$1 /* ' */" = s."$1 /* ' */" OR (other."$1 /* ' */" IS NULL AND s."$1 /* ' */" IS NULL)) AND (other.tableoid, other.ctid) <> (t.tableoid, t.ctid))) AND ((s."cur.sor\" > t."cur.sor\") OR (t."cur.sor\" IS NULL AND s."cur.sor\" IS NOT NULL) OR ((s."cur.sor\" = t."cur.sor\" OR (s."cur.sor\" IS NULL AND t."cur.sor\" IS NULL)) AND s."_airbyte_extracted_at" >= t."_airbyte_extracted_at")) AND s."de
    leted" IS NULL

-- merge::update of distinct rows, no cursor, no deletions
UPDATE "sch""e.ma
    $1"."ta'b""le;--" AS t SET "_airbyte_raw_id" = s."_airbyte_raw_id", "_airbyte_extracted_at" = s."_airbyte_extracted_at", "_airbyte_meta" = '{"changes": [], "sync_id": 5}'::pg_catalog.jsonb, "_airbyte_generation_id" = 7::pg_catalog.int8, """key""" = s."""key""", "cur.sor\" = s."cur.sor\", "de
    leted" = s."de
    leted", "$1 /* ' */" = s."$1 /* ' */" FROM pg_temp."ta'b""le;--" s WHERE t."""key""" = s."""key""" AND s."_airbyte_extracted_at" >= t."_airbyte_extracted_at"

-- merge::insert_absent
INSERT INTO "sch""e.ma
    $1"."ta'b""le;--" AS t ("_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id", """key""", "cur.sor\", "de
    leted", "$1 /* ' */") SELECT s."_airbyte_raw_id", s."_airbyte_extracted_at", CASE WHEN s."_airbyte_meta" IS NULL THEN '{"changes": [], "sync_id": 5}'::pg_catalog.jsonb ELSE pg_catalog.jsonb_build_object('sync_id', 5, 'changes', s."_airbyte_meta") END, 7::pg_catalog.int8, s."""key""", s."cur.sor\", s."de
    leted", s."$1 /* ' */" FROM (SELECT DISTINCT ON ("""key""", "$1 /* ' */") * FROM pg_temp."ta'b""le;--" ORDER BY """key""", "$1 /* ' */", "cur.sor\" DESC NULLS LAST, "_airbyte_extracted_at" DESC, "_airbyte_loaded_at" DESC) s WHERE s."de
    leted" IS NULL AND NOT EXISTS (SELECT FROM "sch""e.ma
    $1"."ta'b""le;--" t WHERE (t."""key""" = s."""key""" OR (t."""key""" IS NULL AND s."""key""" IS NULL)) AND (t."$1 /* ' */" = s."$1 /* ' */" OR (t."$1 /* ' */" IS NULL AND s."$1 /* ' */" IS NULL)) AND NOT ((s."""key""" IS NULL OR s."$1 /* ' */" IS NULL) AND EXISTS (SELECT FROM "sch""e.ma
    $1"."ta'b""le;--" other WHERE (other."""key""" = s."""key""" OR (other."""key""" IS NULL AND s."""key""" IS NULL)) AND (other."$1 /* ' */" = s."$1 /* ' */" OR (other."$1 /* ' */" IS NULL AND s."$1 /* ' */" IS NULL)) AND (other.tableoid, other.ctid) <> (t.tableoid, t.ctid))))

-- merge::insert_absent of distinct rows, no cursor, no deletions
INSERT INTO "sch""e.ma
    $1"."ta'b""le;--" AS t ("_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id", """key""", "cur.sor\", "de
    leted", "$1 /* ' */") SELECT s."_airbyte_raw_id", s."_airbyte_extracted_at", '{"changes": [], "sync_id": 5}'::pg_catalog.jsonb, 7::pg_catalog.int8, s."""key""", s."cur.sor\", s."de
    leted", s."$1 /* ' */" FROM pg_temp."ta'b""le;--" s WHERE NOT EXISTS (SELECT FROM "sch""e.ma
    $1"."ta'b""le;--" t WHERE t."""key""" = s."""key""")

-- merge::insert_absent of a table
INSERT INTO "sch""e.ma
    $1"."ta'b""le;--" AS t ("_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id", """key""", "cur.sor\", "de
    leted", "$1 /* ' */") SELECT s."_airbyte_raw_id", s."_airbyte_extracted_at", s."_airbyte_meta", s."_airbyte_generation_id", s."""key""", s."cur.sor\", s."de
    leted", s."$1 /* ' */" FROM (SELECT DISTINCT ON ("""key""", "$1 /* ' */") * FROM "sch""e.ma
    $1"."ta'b""le;--" ORDER BY """key""", "$1 /* ' */", "cur.sor\" DESC NULLS LAST, "_airbyte_extracted_at" DESC) s WHERE s."de
    leted" IS NULL AND NOT EXISTS (SELECT FROM "sch""e.ma
    $1"."ta'b""le;--" t WHERE (t."""key""" = s."""key""" OR (t."""key""" IS NULL AND s."""key""" IS NULL)) AND (t."$1 /* ' */" = s."$1 /* ' */" OR (t."$1 /* ' */" IS NULL AND s."$1 /* ' */" IS NULL)) AND NOT ((s."""key""" IS NULL OR s."$1 /* ' */" IS NULL) AND EXISTS (SELECT FROM "sch""e.ma
    $1"."ta'b""le;--" other WHERE (other."""key""" = s."""key""" OR (other."""key""" IS NULL AND s."""key""" IS NULL)) AND (other."$1 /* ' */" = s."$1 /* ' */" OR (other."$1 /* ' */" IS NULL AND s."$1 /* ' */" IS NULL)) AND (other.tableoid, other.ctid) <> (t.tableoid, t.ctid))))

-- merge::delete_older
DELETE FROM "sch""e.ma
    $1"."ta'b""le;--" AS t USING (SELECT DISTINCT ON ("""key""", "$1 /* ' */") * FROM pg_temp."ta'b""le;--" ORDER BY """key""", "$1 /* ' */", "cur.sor\" DESC NULLS LAST, "_airbyte_extracted_at" DESC, "_airbyte_loaded_at" DESC) s WHERE (t."""key""" = s."""key""" OR (t."""key""" IS NULL AND s."""key""" IS NULL)) AND (t."$1 /* ' */" = s."$1 /* ' */" OR (t."$1 /* ' */" IS NULL AND s."$1 /* ' */" IS NULL)) AND NOT ((s."""key""" IS NULL OR s."$1 /* ' */" IS NULL) AND EXISTS (SELECT FROM "sch""e.ma
    $1"."ta'b""le;--" other WHERE (other."""key""" = s."""key""" OR (other."""key""" IS NULL AND s."""key""" IS NULL)) AND (other."$1 /* ' */" = s."$1 /* ' */" OR (other."$1 /* ' */" IS NULL AND s."$1 /* ' */" IS NULL)) AND (other.tableoid, other.ctid) <> (t.tableoid, t.ctid))) AND ((s."cur.sor\" > t."cur.sor\") OR (t."cur.sor\" IS NULL AND s."cur.sor\" IS NOT NULL) OR ((s."cur.sor\" = t."cur.sor\" OR (s."cur.sor\" IS NULL AND t."cur.sor\" IS NULL)) AND s."_airbyte_extracted_at" >= t."_airbyte_extracted_at"))

-- merge::delete_older of distinct rows, no cursor, no deletions
DELETE FROM "sch""e.ma
    $1"."ta'b""le;--" AS t USING pg_temp."ta'b""le;--" s WHERE t."""key""" = s."""key""" AND s."_airbyte_extracted_at" >= t."_airbyte_extracted_at"

-- merge::delete
DELETE FROM "sch""e.ma
    $1"."ta'b""le;--" AS t USING (SELECT DISTINCT ON ("""key""", "$1 /* ' */") * FROM pg_temp."ta'b""le;--" ORDER BY """key""", "$1 /* ' */", "cur.sor\" DESC NULLS LAST, "_airbyte_extracted_at" DESC, "_airbyte_loaded_at" DESC) s WHERE s."de
    leted" IS NOT NULL AND (t."""key""" = s."""key""" OR (t."""key""" IS NULL AND s."""key""" IS NULL)) AND (t."$1 /* ' */" = s."$1 /* ' */" OR (t."$1 /* ' */" IS NULL AND s."$1 /* ' */" IS NULL)) AND NOT ((s."""key""" IS NULL OR s."$1 /* ' */" IS NULL) AND EXISTS (SELECT FROM "sch""e.ma
    $1"."ta'b""le;--" other WHERE (other."""key""" = s."""key""" OR (other."""key""" IS NULL AND s."""key""" IS NULL)) AND (other."$1 /* ' */" = s."$1 /* ' */" OR (other."$1 /* ' */" IS NULL AND s."$1 /* ' */" IS NULL)) AND (other.tableoid, other.ctid) <> (t.tableoid, t.ctid))) AND ((s."cur.sor\" > t."cur.sor\") OR (t."cur.sor\" IS NULL AND s."cur.sor\" IS NOT NULL) OR ((s."cur.sor\" = t."cur.sor\" OR (s."cur.sor\" IS NULL AND t."cur.sor\" IS NULL)) AND s."_airbyte_extracted_at" >= t."_airbyte_extracted_at"))

-- merge::copy_rows
INSERT INTO "cur.sor\"."de
    leted" ("""key""", "$1 /* ' */") SELECT """key""", "$1 /* ' */" FROM "sch""e.ma
    $1"."ta'b""le;--"

-- merge::repeats_key
SELECT EXISTS (SELECT FROM (SELECT """key""", "$1 /* ' */" FROM "sch""e.ma
    $1"."ta'b""le;--" UNION ALL SELECT """key""", "$1 /* ' */" FROM "cur.sor\"."de
    leted" WHERE false) k WHERE """key""" IS NOT NULL AND "$1 /* ' */" IS NOT NULL GROUP BY """key""", "$1 /* ' */" HAVING pg_catalog.count(*) > 1)

-- merge::replace_by_key update
UPDATE "cur.sor\"."de
    leted" AS t SET """key""" = s."""key""", "$1 /* ' */" = s."$1 /* ' */" FROM "sch""e.ma
    $1"."ta'b""le;--" s WHERE t."""key""" = s."""key""" AND t."cur.sor\" = s."cur.sor\"

-- merge::replace_by_key delete
DELETE FROM "cur.sor\"."de
    leted" AS t WHERE NOT EXISTS (SELECT FROM "sch""e.ma
    $1"."ta'b""le;--" s WHERE t."""key""" = s."""key""" AND t."cur.sor\" = s."cur.sor\")

-- merge::replace_by_key insert
INSERT INTO "cur.sor\"."de
    leted" ("""key""", "$1 /* ' */") SELECT s."""key""", s."$1 /* ' */" FROM "sch""e.ma
    $1"."ta'b""le;--" s WHERE NOT EXISTS (SELECT FROM "cur.sor\"."de
    leted" t WHERE t."""key""" = s."""key""" AND t."cur.sor\" = s."cur.sor\")

-- dependents::create_statement
CREATE VIEW "sch""e.ma
    $1"."ta'b""le;--" WITH (security_barrier=true) AS  SELECT 1

-- dependents::create_statement of a materialized view
CREATE MATERIALIZED VIEW "sch""e.ma
    $1"."ta'b""le;--" AS  SELECT 1 WITH NO DATA

-- dependents::revoke_statement
REVOKE ALL ON TABLE "sch""e.ma
    $1"."ta'b""le;--" FROM """key"""

-- dependents::revoke_statement from everybody
REVOKE ALL ON TABLE "sch""e.ma
    $1"."ta'b""le;--" FROM PUBLIC

-- dependents::drop_statement
DROP VIEW "sch""e.ma
    $1"."ta'b""le;--"

-- dependents::drop_statement of a materialized view
DROP MATERIALIZED VIEW "sch""e.ma
    $1"."ta'b""le;--"

-- dependents::restore_statements
CREATE RULE r AS ON INSERT TO v DO INSTEAD NOTHING

-- dependents::restore_statements
COMMENT ON VIEW "sch""e.ma
    $1"."ta'b""le;--" IS E'$1 /* '' */'

-- dependents::restore_statements
COMMENT ON COLUMN "sch""e.ma
    $1"."ta'b""le;--"."""key""" IS E'de
    leted'

-- dependents::restore_statements
GRANT SELECT ON TABLE "sch""e.ma
    $1"."ta'b""le;--" TO PUBLIC

-- dependents::restore_statements
GRANT SELECT ("""key""") ON TABLE "sch""e.ma
    $1"."ta'b""le;--" TO "cur.sor\" WITH GRANT OPTION

-- dependents::restore_statements
ALTER VIEW "sch""e.ma
    $1"."ta'b""le;--" OWNER TO "$1 /* ' */"

-- dependents::restore_statements of a materialized view with data
COMMENT ON MATERIALIZED VIEW "sch""e.ma
    $1"."ta'b""le;--" IS E'c'

-- setup::script for schemas of its own
-- Lets destination-postgres load into this database with the least privileges. Run it in that database, as its
    -- owner with CREATEROLE or as a superuser. It can be run again; it changes nothing that is right already.
    -- It does not hold the password, only the SCRAM-SHA-256 verifier that the server keeps of it.
    BEGIN;
    SET LOCAL search_path = '';
    SET LOCAL client_encoding = 'UTF8';
    
    -- The user that logs in. One that is there already keeps its password.
    DO $setup$
    BEGIN
      IF pg_catalog.current_database() <> E'ta''b"le;--' THEN
        RAISE EXCEPTION USING MESSAGE = E'connect to database "ta''b""le;--" first';
      END IF;
      IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = E'"key"') THEN
        CREATE USER """key""" PASSWORD E'SCRAM-SHA-256$4096:salt$stored:server';
      END IF;
    END
    $setup$;
    -- To give that one the password of the configuration:
    -- ALTER USER """key""" PASSWORD E'SCRAM-SHA-256$4096:salt$stored:server';
    
    -- CREATE is for its schemas, TEMPORARY for the tables that rows pass through, CONNECT for databases where
    -- PUBLIC does not have it.
    GRANT CONNECT, CREATE, TEMPORARY ON DATABASE "ta'b""le;--" TO """key""";
    
    COMMIT;
    
    -- Worth a thought: by default everybody may connect, and before PostgreSQL 15 everybody may create in public.
    -- Others lose what they have by PUBLIC alone.
    -- REVOKE ALL ON DATABASE "ta'b""le;--" FROM PUBLIC;
    -- REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    

-- setup::script for schemas made beforehand
-- Lets destination-postgres load into this database with the least privileges. Run it in that database, as its
    -- owner with CREATEROLE or as a superuser. It can be run again; it changes nothing that is right already.
    -- It does not hold the password, only the SCRAM-SHA-256 verifier that the server keeps of it.
    BEGIN;
    SET LOCAL search_path = '';
    SET LOCAL client_encoding = 'UTF8';
    
    -- The user that logs in. One that is there already keeps its password.
    DO $setup$
    BEGIN
      IF pg_catalog.current_database() <> E'ta''b"le;--' THEN
        RAISE EXCEPTION USING MESSAGE = E'connect to database "ta''b""le;--" first';
      END IF;
      IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = E'"key"') THEN
        CREATE USER """key""" PASSWORD E'SCRAM-SHA-256$4096:salt$stored:server';
      END IF;
    END
    $setup$;
    -- To give that one the password of the configuration:
    -- ALTER USER """key""" PASSWORD E'SCRAM-SHA-256$4096:salt$stored:server';
    
    -- TEMPORARY is for the tables that rows pass through, CONNECT for databases where PUBLIC does not have it.
    -- It needs no CREATE on the database, since its schemas are made here.
    GRANT CONNECT, TEMPORARY ON DATABASE "ta'b""le;--" TO """key""";
    REVOKE CREATE ON DATABASE "ta'b""le;--" FROM """key""";
    CREATE SCHEMA IF NOT EXISTS "sch""e.ma
    $1";
    GRANT ALL ON SCHEMA "sch""e.ma
    $1" TO """key""";
    
    COMMIT;
    
    -- Worth a thought: by default everybody may connect, and before PostgreSQL 15 everybody may create in public.
    -- Others lose what they have by PUBLIC alone.
    -- REVOKE ALL ON DATABASE "ta'b""le;--" FROM PUBLIC;
    -- REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    

-- setup::script for schemas of a role, with readers
-- Lets destination-postgres load into this database with the least privileges. Run it in that database, as its
    -- owner with CREATEROLE or as a superuser. It can be run again; it changes nothing that is right already.
    -- It sets no password: do that afterwards, in psql with \password.
    BEGIN;
    SET LOCAL search_path = '';
    SET LOCAL client_encoding = 'UTF8';
    
    -- The user that logs in. One that is there already keeps its password.
    -- The role that it takes on owns everything that is loaded.
    DO $setup$
    BEGIN
      IF pg_catalog.current_database() <> E'ta''b"le;--' THEN
        RAISE EXCEPTION USING MESSAGE = E'connect to database "ta''b""le;--" first';
      END IF;
      IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = E'"key"') THEN
        CREATE USER """key""";
      END IF;
      IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = E'cur.sor\\') THEN
        CREATE ROLE "cur.sor\" NOLOGIN;
      END IF;
    END
    $setup$;
    GRANT "cur.sor\" TO """key""";
    
    -- CREATE is for its schemas, TEMPORARY for the tables that rows pass through, CONNECT for databases where
    -- PUBLIC does not have it.
    GRANT CONNECT ON DATABASE "ta'b""le;--" TO """key""";
    GRANT CREATE, TEMPORARY ON DATABASE "ta'b""le;--" TO "cur.sor\";
    
    -- Readers: what is loaded from now on, and what was loaded before.
    DO $setup$
    BEGIN
      IF NOT pg_catalog.pg_has_role(E'cur.sor\\', 'USAGE') THEN
        GRANT "cur.sor\" TO CURRENT_USER;
      END IF;
    END
    $setup$;
    ALTER DEFAULT PRIVILEGES FOR ROLE "cur.sor\" GRANT USAGE ON SCHEMAS TO "$1 /* ' */", "de
    leted";
    ALTER DEFAULT PRIVILEGES FOR ROLE "cur.sor\" GRANT SELECT ON TABLES TO "$1 /* ' */", "de
    leted";
    DO $setup$
    DECLARE
      grant_to text;
    BEGIN
      FOR grant_to IN
        SELECT pg_catalog.format('GRANT USAGE ON SCHEMA %I TO ', n.nspname) FROM pg_catalog.pg_namespace n
        WHERE pg_catalog.pg_get_userbyid(n.nspowner) = E'cur.sor\\'
        UNION ALL
        SELECT pg_catalog.format('GRANT SELECT ON TABLE %I.%I TO ', n.nspname, c.relname)
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE pg_catalog.pg_get_userbyid(c.relowner) = E'cur.sor\\' AND c.relkind IN ('r', 'p', 'v', 'm')
        AND c.relpersistence <> 't'
      LOOP
        EXECUTE grant_to || E'"$1 /* '' */", "de
    leted"';
      END LOOP;
    END
    $setup$;
    
    COMMIT;
    
    -- Worth a thought: by default everybody may connect, and before PostgreSQL 15 everybody may create in public.
    -- Others lose what they have by PUBLIC alone.
    -- REVOKE ALL ON DATABASE "ta'b""le;--" FROM PUBLIC;
    -- REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    -- GRANT CONNECT ON DATABASE "ta'b""le;--" TO "$1 /* ' */", "de
    -- leted";
    

-- setup::script for schemas made beforehand, of a role, with readers
-- Lets destination-postgres load into this database with the least privileges. Run it in that database, as its
    -- owner with CREATEROLE or as a superuser. It can be run again; it changes nothing that is right already.
    -- It sets no password: do that afterwards, in psql with \password.
    BEGIN;
    SET LOCAL search_path = '';
    SET LOCAL client_encoding = 'UTF8';
    
    -- The user that logs in. One that is there already keeps its password.
    -- The role that it takes on owns everything that is loaded.
    DO $setup$
    BEGIN
      IF pg_catalog.current_database() <> E'ta''b"le;--' THEN
        RAISE EXCEPTION USING MESSAGE = E'connect to database "ta''b""le;--" first';
      END IF;
      IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = E'"key"') THEN
        CREATE USER """key""";
      END IF;
      IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = E'cur.sor\\') THEN
        CREATE ROLE "cur.sor\" NOLOGIN;
      END IF;
    END
    $setup$;
    GRANT "cur.sor\" TO """key""";
    
    -- TEMPORARY is for the tables that rows pass through, CONNECT for databases where PUBLIC does not have it.
    -- It needs no CREATE on the database, since its schemas are made here.
    GRANT CONNECT ON DATABASE "ta'b""le;--" TO """key""";
    GRANT TEMPORARY ON DATABASE "ta'b""le;--" TO "cur.sor\";
    REVOKE CREATE ON DATABASE "ta'b""le;--" FROM "cur.sor\";
    CREATE SCHEMA IF NOT EXISTS "sch""e.ma
    $1";
    GRANT ALL ON SCHEMA "sch""e.ma
    $1" TO "cur.sor\";
    CREATE SCHEMA IF NOT EXISTS "de
    leted";
    GRANT ALL ON SCHEMA "de
    leted" TO "cur.sor\";
    
    -- Readers: what is loaded from now on, and what was loaded before.
    DO $setup$
    BEGIN
      IF NOT pg_catalog.pg_has_role(E'cur.sor\\', 'USAGE') THEN
        GRANT "cur.sor\" TO CURRENT_USER;
      END IF;
    END
    $setup$;
    GRANT USAGE ON SCHEMA "sch""e.ma
    $1" TO "$1 /* ' */", "de
    leted";
    ALTER DEFAULT PRIVILEGES FOR ROLE "cur.sor\" IN SCHEMA "sch""e.ma
    $1" GRANT SELECT ON TABLES TO "$1 /* ' */", "de
    leted";
    GRANT USAGE ON SCHEMA "de
    leted" TO "$1 /* ' */", "de
    leted";
    ALTER DEFAULT PRIVILEGES FOR ROLE "cur.sor\" IN SCHEMA "de
    leted" GRANT SELECT ON TABLES TO "$1 /* ' */", "de
    leted";
    DO $setup$
    DECLARE
      grant_to text;
    BEGIN
      FOR grant_to IN
        SELECT pg_catalog.format('GRANT USAGE ON SCHEMA %I TO ', n.nspname) FROM pg_catalog.pg_namespace n
        WHERE pg_catalog.pg_get_userbyid(n.nspowner) = E'cur.sor\\'
        UNION ALL
        SELECT pg_catalog.format('GRANT SELECT ON TABLE %I.%I TO ', n.nspname, c.relname)
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE pg_catalog.pg_get_userbyid(c.relowner) = E'cur.sor\\' AND c.relkind IN ('r', 'p', 'v', 'm')
        AND c.relpersistence <> 't'
      LOOP
        EXECUTE grant_to || E'"$1 /* '' */", "de
    leted"';
      END LOOP;
    END
    $setup$;
    
    COMMIT;
    
    -- Worth a thought: by default everybody may connect, and before PostgreSQL 15 everybody may create in public.
    -- Others lose what they have by PUBLIC alone.
    -- REVOKE ALL ON DATABASE "ta'b""le;--" FROM PUBLIC;
    -- REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    -- GRANT CONNECT ON DATABASE "ta'b""le;--" TO "$1 /* ' */", "de
    -- leted";
    

-- setup::undo
-- Takes back what setup-sql gave. Run it in the same database, as its owner with CREATEROLE or as a superuser,
    -- when no sync is running. It can be run again.
    -- What was loaded stays and becomes the property of the role that runs this; a schema that holds nothing goes.
    -- The user loses its privileges on every database: it is meant to be the user of this destination alone.
    BEGIN;
    SET LOCAL search_path = '';
    SET LOCAL client_encoding = 'UTF8';
    
    DO $setup$
    BEGIN
      IF pg_catalog.current_database() <> E'ta''b"le;--' THEN
        RAISE EXCEPTION USING MESSAGE = E'connect to database "ta''b""le;--" first';
      END IF;
      IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = E'"key"') THEN
        IF NOT pg_catalog.pg_has_role(E'"key"', 'USAGE') THEN
          GRANT """key""" TO CURRENT_USER;
        END IF;
        REASSIGN OWNED BY """key""" TO CURRENT_USER;
        DROP OWNED BY """key""";
        BEGIN
          DROP ROLE """key""";
        EXCEPTION WHEN dependent_objects_still_exist THEN
          RAISE NOTICE USING MESSAGE = 'the user stays: it owns something in another database';
        END;
      END IF;
      BEGIN
        DROP SCHEMA IF EXISTS "sch""e.ma
    $1";
      EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN
        RAISE NOTICE USING MESSAGE = E'schema "sch""e.ma
    $1" stays: it holds something, or is not yours';
      END;
    END
    $setup$;
    
    COMMIT;
    
    -- Without what was loaded:
    -- DROP SCHEMA IF EXISTS "sch""e.ma
    -- $1" CASCADE;
    

-- setup::undo of a role and two schemas
-- Takes back what setup-sql gave. Run it in the same database, as its owner with CREATEROLE or as a superuser,
    -- when no sync is running. It can be run again.
    -- What was loaded stays and becomes the property of the role that runs this; a schema that holds nothing goes.
    -- The user loses its privileges on every database: it is meant to be the user of this destination alone.
    BEGIN;
    SET LOCAL search_path = '';
    SET LOCAL client_encoding = 'UTF8';
    
    DO $setup$
    BEGIN
      IF pg_catalog.current_database() <> E'ta''b"le;--' THEN
        RAISE EXCEPTION USING MESSAGE = E'connect to database "ta''b""le;--" first';
      END IF;
      IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = E'"key"') THEN
        IF NOT pg_catalog.pg_has_role(E'"key"', 'USAGE') THEN
          GRANT """key""" TO CURRENT_USER;
        END IF;
        REASSIGN OWNED BY """key""" TO CURRENT_USER;
        DROP OWNED BY """key""";
        BEGIN
          DROP ROLE """key""";
        EXCEPTION WHEN dependent_objects_still_exist THEN
          RAISE NOTICE USING MESSAGE = 'the user stays: it owns something in another database';
        END;
      END IF;
      BEGIN
        DROP SCHEMA IF EXISTS "sch""e.ma
    $1";
      EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN
        RAISE NOTICE USING MESSAGE = E'schema "sch""e.ma
    $1" stays: it holds something, or is not yours';
      END;
      BEGIN
        DROP SCHEMA IF EXISTS "de
    leted";
      EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN
        RAISE NOTICE USING MESSAGE = E'schema "de
    leted" stays: it holds something, or is not yours';
      END;
    END
    $setup$;
    
    COMMIT;
    
    -- The role that owns what was loaded may serve others too, so it stays. Without it:
    -- REASSIGN OWNED BY "cur.sor\" TO CURRENT_USER;
    -- DROP OWNED BY "cur.sor\";
    -- DROP ROLE "cur.sor\";
    
    -- Without what was loaded:
    -- DROP SCHEMA IF EXISTS "sch""e.ma
    -- $1" CASCADE;
    -- DROP SCHEMA IF EXISTS "de
    -- leted" CASCADE;
    

-- remedy::grant_on_database
GRANT CREATE, TEMPORARY ON DATABASE """key""" TO "$1 /* ' */"

-- remedy::grant_on_schema
GRANT ALL ON SCHEMA "sch""e.ma
    $1" TO "$1 /* ' */"

-- remedy::grant_role
GRANT """key""" TO "$1 /* ' */"

-- remedy::create_role
CREATE ROLE "$1 /* ' */"

-- remedy::allow_login
ALTER ROLE "$1 /* ' */" LOGIN

-- remedy::set_password
ALTER ROLE "$1 /* ' */" PASSWORD '…'

-- remedy::lift_role_limit
ALTER ROLE "$1 /* ' */" CONNECTION LIMIT -1

-- remedy::lift_database_limit
ALTER DATABASE """key""" CONNECTION LIMIT -1

-- remedy::allow_connections
ALTER DATABASE """key""" ALLOW_CONNECTIONS true

-- remedy::allow_writes
ALTER ROLE "$1 /* ' */" IN DATABASE """key""" SET default_transaction_read_only = off

-- remedy::create_database
CREATE DATABASE """key""" ENCODING 'UTF8' TEMPLATE template0

-- remedy::own_table
ALTER TABLE "sch""e.ma
    $1"."ta'b""le;--" OWNER TO "$1 /* ' */"

-- remedy::plain_collation
ALTER TABLE "sch""e.ma
    $1"."ta'b""le;--" ALTER COLUMN """key""" TYPE pg_catalog.varchar

-- rejected::check_at_once
SET CONSTRAINTS ALL IMMEDIATE

-- rejected::empty_load_table
TRUNCATE TABLE pg_temp."ta'b""le;--"

-- rejected::begin_part
SAVEPOINT airbyte_part

-- rejected::keep_part
RELEASE SAVEPOINT airbyte_part

-- rejected::undo_part
ROLLBACK TO SAVEPOINT airbyte_part; RELEASE SAVEPOINT airbyte_part

-- rejected::create
CREATE TABLE "sch""e.ma
    $1"."ta'b""le;--" ("_airbyte_raw_id" pg_catalog.varchar NOT NULL, "_airbyte_extracted_at" pg_catalog.timestamptz NOT NULL, "_airbyte_meta" pg_catalog.jsonb NOT NULL, "_airbyte_generation_id" pg_catalog.int8 NOT NULL, "stream_namespace" pg_catalog.varchar, "stream_name" pg_catalog.varchar, "position" pg_catalog.int8, "sqlstate" pg_catalog.varchar, "constraint_name" pg_catalog.varchar, "column_name" pg_catalog.varchar, "rejected_at" pg_catalog.timestamptz, "record" pg_catalog.jsonb)

-- rejected::insert
WITH aside AS (INSERT INTO "sch""e.ma
    $1"."ta'b""le;--" ("_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id", "stream_namespace", "stream_name", "position", "sqlstate", "constraint_name", "column_name", "rejected_at", "record") SELECT s."_airbyte_raw_id", s."_airbyte_extracted_at", CASE WHEN s."_airbyte_meta" IS NULL THEN '{"changes": [], "sync_id": 5}'::pg_catalog.jsonb ELSE pg_catalog.jsonb_build_object('sync_id', 5, 'changes', s."_airbyte_meta") END, 7::pg_catalog.int8, E'cur.sor\\', E'$1 /* '' */', r.position, r.sqlstate, r.constraint_name, r.column_name, pg_catalog.clock_timestamp(), pg_catalog.to_jsonb(s.*) - ARRAY[E'_airbyte_raw_id', E'_airbyte_extracted_at', E'_airbyte_meta', E'_airbyte_loaded_at']::pg_catalog.text[] FROM pg_temp."ta'b""le;--" s JOIN (VALUES (E'0190a0a0-0000-7000-8000-000000000001', 17::pg_catalog.int8, E'23514', E'"key"'::pg_catalog.text, E'$1 /* '' */'::pg_catalog.text), (E'0190a0a0-0000-7000-8000-000000000001', 17::pg_catalog.int8, E'23514', NULL::pg_catalog.text, NULL::pg_catalog.text)) r (raw_id, position, sqlstate, constraint_name, column_name) ON r.raw_id = s."_airbyte_raw_id" RETURNING 1) SELECT pg_catalog.count(*) = 2 FROM aside

-- rejected::insert in raw mode
WITH aside AS (INSERT INTO "sch""e.ma
    $1"."ta'b""le;--" ("_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id", "stream_namespace", "stream_name", "position", "sqlstate", "constraint_name", "column_name", "rejected_at", "record") SELECT s."_airbyte_raw_id", s."_airbyte_extracted_at", CASE WHEN s."_airbyte_meta" IS NULL THEN '{"changes": [], "sync_id": 5}'::pg_catalog.jsonb ELSE pg_catalog.jsonb_build_object('sync_id', 5, 'changes', s."_airbyte_meta") END, 7::pg_catalog.int8, NULL, E'$1 /* '' */', r.position, r.sqlstate, r.constraint_name, r.column_name, pg_catalog.clock_timestamp(), s."_airbyte_data" FROM pg_temp."ta'b""le;--" s JOIN (VALUES (E'0190a0a0-0000-7000-8000-000000000001', 17::pg_catalog.int8, E'23514', E'"key"'::pg_catalog.text, E'$1 /* '' */'::pg_catalog.text), (E'0190a0a0-0000-7000-8000-000000000001', 17::pg_catalog.int8, E'23514', NULL::pg_catalog.text, NULL::pg_catalog.text)) r (raw_id, position, sqlstate, constraint_name, column_name) ON r.raw_id = s."_airbyte_raw_id" RETURNING 1) SELECT pg_catalog.count(*) = 2 FROM aside

-- receipts::facts
SELECT c.oid IS NOT NULL AS found, pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text AS owner, COALESCE(pg_catalog.has_table_privilege(c.oid, 'INSERT'), false) AS may_insert, ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns, pg_catalog.has_function_privilege('pg_catalog.pg_current_wal_insert_lsn()', 'EXECUTE') AS lsn FROM (SELECT) one LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1) ON c.relname = $2

-- receipts::create
CREATE TABLE "sch""e.ma
    $1"."ta'b""le;--" ("stream_namespace" pg_catalog.text, "stream_name" pg_catalog.text, "table_name" pg_catalog.text, "event" pg_catalog.text, "sync_id" pg_catalog.int8, "generation_id" pg_catalog.int8, "sync_token" pg_catalog.text, "commit_number" pg_catalog.int8, "rows" pg_catalog.int8, "merged" pg_catalog.int8, "deleted" pg_catalog.int8, "set_aside" pg_catalog.int8, "bytes" pg_catalog.int8, "state_sha256" pg_catalog.text, "lsn" pg_catalog.pg_lsn, "started_at" pg_catalog.timestamptz, "committed_at" pg_catalog.timestamptz, "connector_version" pg_catalog.text)

-- receipts::insert
INSERT INTO "sch""e.ma
    $1"."ta'b""le;--" ("stream_namespace", "stream_name", "table_name", "event", "sync_id", "generation_id", "sync_token", "commit_number", "rows", "merged", "deleted", "set_aside", "bytes", "state_sha256", "lsn", "started_at", "committed_at", "connector_version") VALUES (E'cur.sor\\', E'$1 /* '' */', E'ta''b"le;--', 'load', 5, 7, E'0190ab', 3, 9, 7, 1, 2, 4096, E'e3b0c4', pg_catalog.pg_current_wal_insert_lsn(), pg_catalog.transaction_timestamp(), pg_catalog.clock_timestamp(), E'0.1.0'), (NULL, E'$1 /* '' */', E'ta''b"le;--', 'load', 5, 7, E'0190ab', 3, 9, 7, 1, 2, 4096, NULL, pg_catalog.pg_current_wal_insert_lsn(), pg_catalog.transaction_timestamp(), pg_catalog.clock_timestamp(), E'0.1.0')

-- receipts::insert of a publication, without the place in the log
INSERT INTO "sch""e.ma
    $1"."ta'b""le;--" ("stream_namespace", "stream_name", "table_name", "event", "sync_id", "generation_id", "sync_token", "commit_number", "rows", "merged", "deleted", "set_aside", "bytes", "state_sha256", "lsn", "started_at", "committed_at", "connector_version") VALUES (E'cur.sor\\', E'$1 /* '' */', E'ta''b"le;--', 'publish', 5, 7, E'0190ab', 4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, pg_catalog.transaction_timestamp(), pg_catalog.clock_timestamp(), E'0.1.0')

-- remedy::grant_insert
GRANT INSERT ON "sch""e.ma
    $1"."ta'b""le;--" TO "$1 /* ' */"

-- ddl::have_rows
SELECT ARRAY[EXISTS (SELECT FROM "sch""e.ma
    $1"."ta'b""le;--"), EXISTS (SELECT FROM "sch""e.ma
    $1"."ta'b""le;--")] AS filled

-- dependents::reasons_to_keep
SELECT k.kind, k.name FROM ( SELECT 'view' AS kind, v.relname::text AS name FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid JOIN pg_catalog.pg_class v ON v.oid = r.ev_class WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = $1 AND r.ev_class <> $1 UNION SELECT 'rule', r.rulename::text FROM pg_catalog.pg_rewrite r WHERE r.ev_class = $1 UNION SELECT CASE contype WHEN 'f' THEN 'foreign key' ELSE 'constraint' END, conname::text FROM pg_catalog.pg_constraint WHERE (conrelid = $1 AND contype <> 'n') OR (confrelid = $1 AND contype = 'f') OR (conrelid = $2 AND conrelid <> 0 AND contype = 'c') UNION SELECT 'trigger', tgname::text FROM pg_catalog.pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal UNION SELECT 'row security policy', polname::text FROM pg_catalog.pg_policy WHERE polrelid = $1 UNION SELECT 'row security', relname::text FROM pg_catalog.pg_class WHERE oid = $1 AND (relrowsecurity OR relforcerowsecurity) UNION SELECT 'publication', p.pubname::text FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid WHERE r.prrelid = $1 UNION SELECT 'statistics object', stxname::text FROM pg_catalog.pg_statistic_ext WHERE stxrelid = $1 UNION SELECT 'partition or inheritance', pg_catalog.pg_describe_object( 'pg_catalog.pg_class'::pg_catalog.regclass, CASE WHEN inhrelid = $1 THEN inhparent ELSE inhrelid END, 0) FROM pg_catalog.pg_inherits WHERE inhrelid = $1 OR inhparent = $1 UNION SELECT 'comment', pg_catalog.pg_describe_object(d.classoid, d.objoid, d.objsubid) FROM pg_catalog.pg_description d WHERE d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objoid = $1 AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1 AND a.attnum = d.objsubid AND a.attname = '_airbyte_meta') UNION SELECT 'grant', old.relname::text FROM pg_catalog.pg_class old, pg_catalog.pg_class new WHERE old.oid = $1 AND new.oid = $2 AND old.relacl IS DISTINCT FROM new.relacl UNION SELECT 'owner', pg_catalog.pg_get_userbyid(old.relowner)::text FROM pg_catalog.pg_class old, pg_catalog.pg_class new WHERE old.oid = $1 AND new.oid = $2 AND old.relowner <> new.relowner UNION SELECT 'replica identity', old.relreplident::text FROM pg_catalog.pg_class old, pg_catalog.pg_class new WHERE old.oid = $1 AND new.oid = $2 AND old.relreplident <> new.relreplident UNION SELECT 'storage setting', relname::text FROM pg_catalog.pg_class WHERE oid = $1 AND (reloptions IS NOT NULL OR reltablespace <> 0 OR relpersistence <> 'p' OR relkind <> 'r') UNION SELECT 'column setting', a.attname::text FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND (a.attacl IS NOT NULL OR a.atthasdef OR a.attidentity <> '' OR a.attoptions IS NOT NULL OR a.attstorage <> t.typstorage OR COALESCE(a.attstattarget, -1) <> -1 OR a.attcollation <> t.typcollation) UNION SELECT 'security label', provider FROM pg_catalog.pg_seclabel WHERE classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND objoid = $1 UNION SELECT 'object', pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = $1 LEFT JOIN pg_catalog.pg_type t ON t.oid = c.reltype WHERE d.deptype = 'n' AND (d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass OR d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass) AND ((d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = $1) OR (d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.refobjid IN (c.reltype, t.typarray))) ) k ORDER BY k.kind, k.name

-- dependents::inbound_foreign_keys
SELECT k.conname::text AS name, k.conrelid::pg_catalog.regclass::text AS referencing, ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY f (n, i) JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = f.n ORDER BY f.i) AS columns FROM pg_catalog.pg_constraint k WHERE k.contype = 'f' AND k.confrelid = $1 AND k.conparentid = 0 ORDER BY k.conname

-- dependents::views
WITH RECURSIVE dependent (oid, depth) AS ( SELECT r.ev_class, 1 FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = $1 AND r.ev_class <> $1 UNION SELECT r.ev_class, dependent.depth + 1 FROM dependent JOIN pg_catalog.pg_depend d ON d.refobjid = dependent.oid AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid WHERE r.ev_class <> dependent.oid) SELECT c.oid AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind, pg_catalog.pg_get_userbyid(c.relowner)::text AS owner, pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned, c.relowner = (SELECT u.oid FROM pg_catalog.pg_roles u WHERE u.rolname = CURRENT_USER) AS mine, pg_catalog.pg_get_viewdef(c.oid) AS definition, pg_catalog.array_to_string(c.reloptions, ', ') AS options, c.relispopulated AS populated, pg_catalog.obj_description(c.oid, 'pg_class') AS comment FROM (SELECT oid, pg_catalog.max(depth) AS depth FROM dependent GROUP BY oid) v JOIN pg_catalog.pg_class c ON c.oid = v.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY v.depth, c.relname

-- dependents::is_used_by_view
SELECT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = $1 AND a.attname::text = $2 AND r.ev_class <> $1) AS used

-- dependents::grantees
SELECT DISTINCT CASE WHEN g.grantee <> 0 THEN pg_catalog.pg_get_userbyid(g.grantee)::text END AS grantee FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, LATERAL pg_catalog.aclexplode(c.relacl) g WHERE n.nspname::text = $1 AND c.relname::text = $2 AND g.grantee <> c.relowner

-- dependents::view_grants
SELECT NULL::pg_catalog.text AS column_name, g.privilege_type AS privilege, g.is_grantable AS grantable, CASE WHEN g.grantee <> 0 THEN pg_catalog.pg_get_userbyid(g.grantee)::text END AS grantee FROM pg_catalog.pg_class c, LATERAL pg_catalog.aclexplode(c.relacl) g WHERE c.oid = $1 AND g.grantee <> c.relowner UNION ALL SELECT a.attname::text, g.privilege_type, g.is_grantable, CASE WHEN g.grantee <> 0 THEN pg_catalog.pg_get_userbyid(g.grantee)::text END FROM pg_catalog.pg_attribute a, LATERAL pg_catalog.aclexplode(a.attacl) g WHERE a.attrelid = $1 AND a.attnum > 0

-- dependents::view_attachments
SELECT pg_catalog.pg_get_indexdef(i.indexrelid) AS definition, NULL::pg_catalog.text AS column_name, NULL::pg_catalog.text AS comment FROM pg_catalog.pg_index i WHERE i.indrelid = $1 UNION ALL SELECT pg_catalog.pg_get_triggerdef(t.oid), NULL, NULL FROM pg_catalog.pg_trigger t WHERE t.tgrelid = $1 AND NOT t.tgisinternal UNION ALL SELECT pg_catalog.pg_get_ruledef(r.oid), NULL, NULL FROM pg_catalog.pg_rewrite r WHERE r.ev_class = $1 AND r.rulename <> '_RETURN' UNION ALL SELECT NULL, a.attname::text, pg_catalog.col_description(a.attrelid, a.attnum) FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND pg_catalog.col_description(a.attrelid, a.attnum) IS NOT NULL

-- introspect::schemas
SELECT n.nspname::text AS schema, pg_catalog.pg_get_userbyid(n.nspowner)::text AS owner, pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS usable, pg_catalog.has_schema_privilege(n.oid, 'CREATE') AS creatable FROM pg_catalog.pg_namespace n WHERE n.nspname::text = ANY ($1)

-- introspect::server
SELECT pg_catalog.current_setting('server_version_num')::int4 AS version_number, pg_catalog.current_setting('server_version') AS version, pg_catalog.current_setting('server_encoding') AS encoding, pg_catalog.current_setting('transaction_read_only') = 'on' AS read_only, pg_catalog.pg_is_in_recovery() AS standby, pg_catalog.current_database()::text AS database, CURRENT_USER::text AS role, pg_catalog.host(pg_catalog.inet_client_addr()) AS client_address, pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS can_create, pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY') AS can_temporary, ARRAY(SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE pg_catalog.pg_has_role(r.oid, 'MEMBER') AND NOT pg_catalog.pg_has_role(r.oid, 'USAGE') ORDER BY 1) AS not_inherited

-- introspect::roles
SELECT r.rolname::text AS role FROM pg_catalog.pg_roles r WHERE r.rolname::text = ANY ($1) ORDER BY 1

-- introspect::foreign_tables
SELECT c.relname::text AS name, pg_catalog.pg_get_userbyid(c.relowner)::text AS owner FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname::text = $1 AND c.relkind IN ('r', 'p') AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE') AND (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname::text IN ($2, $3) AND NOT a.attisdropped) = 2 ORDER BY 1

-- introspect::shut_out
SELECT r.rolname::text AS role FROM pg_catalog.pg_roles r JOIN pg_catalog.pg_namespace n ON n.nspname::text = $1 WHERE r.rolname::text = ANY ($2) AND NOT pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE') ORDER BY 1

-- introspect::tables
SELECT n.nspname::text AS schema, c.relname::text AS name, c.oid AS oid, c.relkind::text AS kind, pg_catalog.pg_get_userbyid(c.relowner)::text AS owner, pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned, pg_catalog.obj_description(c.oid, 'pg_class') AS comment, ARRAY(SELECT e.extname::text FROM pg_catalog.pg_extension e WHERE e.extname IN ('citus', 'timescaledb')) AS engines, (SELECT p.pubname::text FROM pg_catalog.pg_publication_tables pt JOIN pg_catalog.pg_publication p ON p.pubname = pt.pubname AND (p.pubupdate OR p.pubdelete) WHERE pt.schemaname = n.nspname AND pt.tablename = c.relname AND (c.relreplident = 'n' OR c.relreplident = 'd' AND NOT EXISTS (SELECT FROM pg_catalog.pg_index pk WHERE pk.indrelid = c.oid AND pk.indisprimary)) ORDER BY 1 LIMIT 1) AS unidentified, ARRAY(SELECT k.conname::text FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c' ORDER BY k.conname) AS check_names, ARRAY(SELECT pg_catalog.pg_get_constraintdef(k.oid) FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c' ORDER BY k.conname) AS checks, a.attname::text AS column_name, t.typname::text AS typname, tn.nspname = 'pg_catalog' AS builtin, a.atttypmod AS typmod, a.attnotnull AS not_null, (a.atthasdef OR a.attidentity <> '') AS has_default, (a.attgenerated <> '' OR a.attidentity = 'a') AS generated, EXISTS (SELECT FROM pg_catalog.pg_collation o WHERE o.oid = a.attcollation AND NOT o.collisdeterministic) AS nondeterministic, pg_catalog.col_description(c.oid, a.attnum) AS column_comment FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) AS w (s, r) JOIN pg_catalog.pg_namespace n ON n.nspname = w.s::pg_catalog.name JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.r::pg_catalog.name LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace ORDER BY c.oid, a.attnum

-- introspect::indexes
SELECT i.indrelid AS table_oid, c.relname::text AS name, CASE WHEN i.indpred IS NULL AND i.indexprs IS NULL AND am.amname = 'btree' THEN ARRAY(SELECT a.attname::text FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) k JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k] ORDER BY k) ELSE '{}' END AS columns, i.indisunique AND i.indisvalid AND i.indimmediate AS is_unique, COALESCE((pg_catalog.to_jsonb(i) OPERATOR(pg_catalog.->>) 'indnullsnotdistinct')::pg_catalog.bool, false) AS nulls_not_distinct, EXISTS (SELECT FROM pg_catalog.pg_collation o WHERE o.oid = ANY (i.indcollation) AND NOT o.collisdeterministic) AS nondeterministic, pg_catalog.obj_description(i.indexrelid, 'pg_class') AS comment, EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype <> 'f') AS is_constraint FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_am am ON am.oid = c.relam WHERE i.indrelid = ANY ($1) ORDER BY i.indrelid, c.relname

-- introspect::taken_names
SELECT c.relname::text AS name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1::pg_catalog.name AND c.relname = ANY ($2::pg_catalog.name[])

-- session::version
SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4

-- session::end_process
BEGIN; SET LOCAL search_path = ''; SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a WHERE a.pid = 4711 AND a.xact_start = E'2026-11-23 09:06:00.123456+00'::pg_catalog.timestamptz; COMMIT

-- session::is_working
BEGIN; SET LOCAL search_path = ''; SELECT a.state NOT LIKE 'idle%' AND a.wait_event_type IS DISTINCT FROM 'Client' AS working, a.wait_event IS NOT DISTINCT FROM 'SyncRep' AS standby FROM pg_catalog.pg_stat_activity a WHERE a.pid = 4711 AND (a.xact_start = E'2026-11-23 09:06:00.123456+00'::pg_catalog.timestamptz OR a.state = 'disabled'); COMMIT

-- session::end_idle_holders
BEGIN; SET LOCAL search_path = ''; SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid JOIN pg_catalog.pg_database d ON d.oid = l.database AND d.datname = pg_catalog.current_database() WHERE l.granted AND l.locktype = 'advisory' AND l.objsubid = 1 AND (l.classid::pg_catalog.int8, l.objid::pg_catalog.int8) IN ((4294967295, 4294967295), (0, 5)) AND (a.state LIKE 'idle%' OR a.wait_event_type = 'Client'); COMMIT

-- fence::hold
SET LOCAL lock_timeout = 10000; SELECT pg_catalog.pg_advisory_xact_lock(k) FROM pg_catalog.unnest('{-7,5}'::pg_catalog.int8[]) AS k; SET LOCAL lock_timeout = 60000; SELECT pg_catalog.obj_description(c.reltype, 'pg_type') AS note FROM ROWS FROM (pg_catalog.unnest(ARRAY[E'sch"e.ma
    $1']::pg_catalog.name[]), pg_catalog.unnest(ARRAY[E'ta''b"le;--']::pg_catalog.name[])) WITH ORDINALITY AS w (s, t, i) LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.s LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.t ORDER BY w.i

-- fence::hold together
SET LOCAL lock_timeout = 10000; SELECT pg_catalog.pg_advisory_xact_lock_shared(k) FROM pg_catalog.unnest('{-7}'::pg_catalog.int8[]) AS k; SET LOCAL lock_timeout = 60000; SELECT pg_catalog.obj_description(c.reltype, 'pg_type') AS note FROM ROWS FROM (pg_catalog.unnest(ARRAY[E'sch"e.ma
    $1']::pg_catalog.name[]), pg_catalog.unnest(ARRAY[E'ta''b"le;--']::pg_catalog.name[])) WITH ORDINALITY AS w (s, t, i) LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.s LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.t ORDER BY w.i

-- spread::partitioned
WITH RECURSIVE tree (root, oid) AS ( SELECT o, o FROM pg_catalog.unnest($1::pg_catalog.oid[]) o UNION ALL SELECT t.root, i.inhrelid FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid) SELECT t.root AS table_oid, COALESCE(pg_catalog.bool_or(0 = ANY (p.partattrs::pg_catalog.int2[])), false) AS expressions, ARRAY(SELECT DISTINCT a.attname::text FROM tree u JOIN pg_catalog.pg_partitioned_table q ON q.partrelid = u.oid JOIN pg_catalog.pg_attribute a ON a.attrelid = u.oid AND (a.attnum = ANY (q.partattrs::pg_catalog.int2[]) OR EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = d.classid AND d.objid = u.oid AND d.refobjid = u.oid AND d.deptype = 'i' AND a.attnum IN (d.objsubid, d.refobjsubid))) WHERE u.root = t.root AND a.attnum > 0 ORDER BY 1) AS columns, pg_catalog.array_agg(n.nspname::text ORDER BY t.oid) FILTER (WHERE c.relkind = 'f') AS schemas, pg_catalog.array_agg(c.relname::text ORDER BY t.oid) FILTER (WHERE c.relkind = 'f') AS names, pg_catalog.array_agg(s.srvname::text ORDER BY t.oid) FILTER (WHERE c.relkind = 'f') AS servers FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = t.oid LEFT JOIN pg_catalog.pg_foreign_table f ON f.ftrelid = t.oid LEFT JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver GROUP BY t.root

-- spread::engines
SELECT e.extname::text AS engine, e.extversion AS version FROM pg_catalog.pg_extension e WHERE e.extname IN ('citus', 'timescaledb') ORDER BY 1

-- spread::distributed
SELECT p.logicalrelid::pg_catalog.oid AS table_oid, pg_catalog.column_to_column_name(p.logicalrelid, p.partkey) AS column_name FROM pg_catalog.pg_dist_partition p WHERE p.logicalrelid::pg_catalog.oid = ANY ($1)

-- spread::hypertables
SELECT c.oid AS table_oid, d.column_name::text AS column_name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN _timescaledb_catalog.hypertable h ON h.schema_name = n.nspname AND h.table_name = c.relname LEFT JOIN _timescaledb_catalog.dimension d ON d.hypertable_id = h.id WHERE c.oid = ANY ($1)

-- spread::read
SELECT """key""", "$1 /* ' */" FROM "sch""e.ma
    $1"."ta'b""le;--" LIMIT 1

-- straight::facts
WITH RECURSIVE tree (oid) AS (SELECT $1 UNION ALL SELECT i.inhrelid FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid) SELECT c.relkind IN ('r', 'p') AND (c.relkind = 'p' OR NOT c.relhassubclass) AND NOT (c.relhasrules OR c.relrowsecurity OR r.are_there OR t.are_there OR f.are_there) AS plain, NOT (r.are_there OR t.are_there OR f.are_there) AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid IN (SELECT oid FROM tree) AND (i.indisexclusion OR i.indisunique AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL OR ARRAY(SELECT a.attname::text COLLATE "C" FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) k JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k] ORDER BY 1) <> $2::pg_catalog.text[]))) AS independent, COALESCE(pg_catalog.starts_with(d.meta, E'''{"changes": [], "sync_id": '), false) AS ours, d.generation IS NOT NULL OR d.meta IS NOT NULL AS any_default FROM pg_catalog.pg_class c, LATERAL (SELECT EXISTS (SELECT FROM tree JOIN pg_catalog.pg_class f ON f.oid = tree.oid WHERE f.relkind = 'f') AS are_there) r, LATERAL (SELECT EXISTS (SELECT FROM tree JOIN pg_catalog.pg_trigger t ON t.tgrelid = tree.oid WHERE NOT t.tgisinternal) AS are_there) t, LATERAL (SELECT EXISTS (SELECT FROM tree JOIN pg_catalog.pg_constraint k ON k.conrelid = tree.oid WHERE k.contype = 'f' OR k.condeferrable) AS are_there) f, LATERAL (SELECT pg_catalog.max(pg_catalog.pg_get_expr(f.adbin, f.adrelid)) FILTER (WHERE a.attname = E'_airbyte_meta') AS meta, pg_catalog.max(pg_catalog.pg_get_expr(f.adbin, f.adrelid)) FILTER (WHERE a.attname = E'_airbyte_generation_id') AS generation FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum WHERE a.attrelid = c.oid) d WHERE c.oid = $1

-- straight::lock
SET LOCAL lock_timeout = 200; LOCK TABLE ONLY "sch""e.ma
    $1"."ta'b""le;--" IN ACCESS EXCLUSIVE MODE; SET LOCAL lock_timeout = 60000

-- straight::set_defaults
ALTER TABLE ONLY "sch""e.ma
    $1"."ta'b""le;--" ALTER COLUMN "_airbyte_meta" SET DEFAULT E'{"changes": [], "sync_id": 5}', ALTER COLUMN "_airbyte_generation_id" SET DEFAULT 7

-- straight::has_defaults
SELECT pg_catalog.count(*) FILTER (WHERE a.attname = E'_airbyte_meta' AND pg_catalog.btrim(pg_catalog.split_part( pg_catalog.pg_get_expr(f.adbin, f.adrelid), '::', 1), E'\'') = E'{"changes": [], "sync_id": 5}') = 1 AND pg_catalog.count(*) FILTER (WHERE a.attname = E'_airbyte_generation_id' AND pg_catalog.btrim(pg_catalog.split_part( pg_catalog.pg_get_expr(f.adbin, f.adrelid), '::', 1), E'\'') = E'7') = 1 FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum WHERE a.attrelid = E'"sch""e.ma
    $1"."ta''b""le;--"'::pg_catalog.regclass

-- straight::drop_defaults
ALTER TABLE ONLY "sch""e.ma
    $1"."ta'b""le;--" ALTER COLUMN "_airbyte_meta" DROP DEFAULT, ALTER COLUMN "_airbyte_generation_id" DROP DEFAULT

-- straight::copy_whole
COPY "sch""e.ma
    $1"."ta'b""le;--" ("_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id", """key""", "cur.sor\", "de
    leted", "$1 /* ' */") FROM STDIN (FORMAT binary)

-- straight::takers
SELECT COALESCE(c.relkind IN ('r', 'p') AND NOT (c.relhasrules OR c.relrowsecurity OR c.relhastriggers AND EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal)), false) AS plain, COALESCE(c.relkind = 'r' AND NOT (c.relhassubclass OR c.relhastriggers), false) AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extname IN ('citus', 'timescaledb')) AS single, (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(a.attname, t.typname, a.atttypmod)) FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace) AS columns FROM ROWS FROM (pg_catalog.unnest(ARRAY[E'sch"e.ma
    $1']::pg_catalog.name[]), pg_catalog.unnest(ARRAY[E'ta''b"le;--']::pg_catalog.name[])) WITH ORDINALITY AS w (s, t, i) LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.s LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.t ORDER BY w.i

-- straight::copy_into
COPY "sch""e.ma
    $1"."ta'b""le;--" ("_airbyte_raw_id", "_airbyte_extracted_at", """key""", "cur.sor\", "de
    leted", "$1 /* ' */") FROM STDIN (FORMAT binary)

-- session::wait_shortly
SET LOCAL lock_timeout = 5000

-- fence::note
COMMENT ON TYPE "sch""e.ma
    $1"."ta'b""le;--" IS E'$1 /* '' */'

-- session::begin on 12
BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL search_path = ''; SET LOCAL standard_conforming_strings = on; SET LOCAL client_encoding = 'UTF8'; SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, MDY'; SET LOCAL intervalstyle = 'postgres'; SET LOCAL extra_float_digits = 1; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = 60000; SET LOCAL tcp_keepalives_idle = 20; SET LOCAL tcp_keepalives_interval = 10; SET LOCAL tcp_keepalives_count = 3; SET LOCAL tcp_user_timeout = 50000; SELECT pg_catalog.set_config('synchronous_commit', 'on', true) WHERE pg_catalog.current_setting('synchronous_commit') IN ('off', 'local'); SELECT pg_catalog.pg_backend_pid() AS process, pg_catalog.transaction_timestamp() AS began

-- session::begin on 14
BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL search_path = ''; SET LOCAL standard_conforming_strings = on; SET LOCAL client_encoding = 'UTF8'; SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, MDY'; SET LOCAL intervalstyle = 'postgres'; SET LOCAL extra_float_digits = 1; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = 60000; SET LOCAL tcp_keepalives_idle = 20; SET LOCAL tcp_keepalives_interval = 10; SET LOCAL tcp_keepalives_count = 3; SET LOCAL tcp_user_timeout = 50000; SET LOCAL client_connection_check_interval = '10s'; SELECT pg_catalog.set_config('synchronous_commit', 'on', true) WHERE pg_catalog.current_setting('synchronous_commit') IN ('off', 'local'); SELECT pg_catalog.pg_backend_pid() AS process, pg_catalog.transaction_timestamp() AS began

-- session::begin on 17 as a role
BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL search_path = ''; SET LOCAL standard_conforming_strings = on; SET LOCAL client_encoding = 'UTF8'; SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, MDY'; SET LOCAL intervalstyle = 'postgres'; SET LOCAL extra_float_digits = 1; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = 60000; SET LOCAL tcp_keepalives_idle = 20; SET LOCAL tcp_keepalives_interval = 10; SET LOCAL tcp_keepalives_count = 3; SET LOCAL tcp_user_timeout = 50000; SET LOCAL client_connection_check_interval = '10s'; SET LOCAL transaction_timeout = 0; SET LOCAL ROLE "$1 /* ' */"; SELECT pg_catalog.set_config('synchronous_commit', 'on', true) WHERE pg_catalog.current_setting('synchronous_commit') IN ('off', 'local'); SELECT pg_catalog.pg_backend_pid() AS process, pg_catalog.transaction_timestamp() AS began

-- session::read_only
SET TRANSACTION READ ONLY

-- session::commit
COMMIT

-- session::rollback
ROLLBACK

-- session::savepoint
SAVEPOINT airbyte

-- session::rollback_to_savepoint
ROLLBACK TO SAVEPOINT airbyte; RELEASE SAVEPOINT airbyte

-- session::release_savepoint
RELEASE SAVEPOINT airbyte

-- session::blockers
SELECT a.pid, pg_catalog.left(a.application_name, 60) AS application FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid WHERE l.granted AND a.pid <> pg_catalog.pg_backend_pid() AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()) AND (l.relation = (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = E'sch"e.ma
    $1' AND c.relname = E'ta''b"le;--') OR l.locktype = 'advisory' AND l.objsubid = 1 AND l.classid::pg_catalog.int8 = 4294967295 AND l.objid::pg_catalog.int8 = 4294967295) GROUP BY 1, 2 ORDER BY pg_catalog.min(a.xact_start) LIMIT 3

