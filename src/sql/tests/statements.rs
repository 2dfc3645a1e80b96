//! Every statement of this module, made with given names.

use super::*;
use crate::schema::Shape;
use crate::sql::dependents::{Grant, View};
use crate::sql::merge::{Merge, Source};
use crate::sql::receipts::{Load, Receipt};
use crate::sql::rejected::RejectedRow;
use crate::sql::setup::Setup;

/// Every statement under the name of the function that makes it, with what it was made for.
pub(super) fn all(names: &Names) -> Vec<(&'static str, String)> {
    let mut list = Vec::new();
    let mut add = |name, statement: Statement| list.push((name, statement.as_str().to_owned()));
    definitions(names, &mut add);
    merges(names, &mut add);
    views(names, &mut add);
    scripts(names, &mut add);
    remedies(names, &mut add);
    rejections(names, &mut add);
    load_receipts(names, &mut add);
    for (name, statement) in [
        ("ddl::have_rows", ddl::have_rows(&[&names.table, &names.table])),
        ("dependents::reasons_to_keep", dependents::reasons_to_keep()),
        ("dependents::inbound_foreign_keys", dependents::inbound_foreign_keys()),
        ("dependents::views", dependents::views()),
        ("dependents::is_used_by_view", dependents::is_used_by_view()),
        ("dependents::grantees", dependents::grantees()),
        ("dependents::view_grants", dependents::view_grants()),
        ("dependents::view_attachments", dependents::view_attachments()),
        ("introspect::schemas", introspect::schemas()),
        ("introspect::server", introspect::server()),
        ("introspect::roles", introspect::roles()),
        ("introspect::foreign_tables", introspect::foreign_tables()),
        ("introspect::shut_out", introspect::shut_out()),
        ("introspect::tables", introspect::tables()),
        ("introspect::indexes", introspect::indexes()),
        ("introspect::taken_names", introspect::taken_names()),
        ("session::version", session::version()),
        ("session::end_process", session::end_process(4711, "2026-11-23 09:06:00.123456+00")),
        ("session::is_working", session::is_working(4711, "2026-11-23 09:06:00.123456+00")),
        ("session::end_idle_holders", session::end_idle_holders(&[-1, 5])),
        ("fence::hold", fence::hold(&[-7, 5], &[&names.table], fence::Hold::Alone)),
        ("fence::hold together", fence::hold(&[-7], &[&names.table], fence::Hold::Together)),
        ("spread::partitioned", spread::partitioned()),
        ("spread::engines", spread::engines()),
        ("spread::distributed", spread::distributed()),
        ("spread::hypertables", spread::hypertables()),
        ("spread::read", spread::read(&names.table, &[&names.key, &names.other])),
        ("straight::facts", straight::facts()),
        ("straight::lock", straight::lock(&names.table)),
        ("straight::set_defaults", straight::set_defaults(&names.table, 5, 7)),
        ("straight::has_defaults", straight::has_defaults(&names.table, 5, 7)),
        ("straight::drop_defaults", straight::drop_defaults(&names.table)),
        ("straight::copy_whole", straight::copy_whole(&names.table, &names.schema())),
        ("straight::takers", straight::takers(&[&names.table])),
        ("straight::copy_into", straight::copy_into(&names.table, &names.schema())),
        ("session::wait_shortly", session::wait_shortly()),
        ("fence::note", fence::note(&names.table, &names.other)),
        ("session::begin on 12", session::begin(120_000, None)),
        ("session::begin on 14", session::begin(140_000, None)),
        ("session::begin on 17 as a role", session::begin(170_004, Some(&names.other))),
        ("session::read_only", session::read_only()),
        ("session::commit", session::commit()),
        ("session::rollback", session::rollback()),
        ("session::savepoint", session::savepoint()),
        ("session::rollback_to_savepoint", session::rollback_to_savepoint()),
        ("session::release_savepoint", session::release_savepoint()),
        ("session::blockers", session::blockers(&names.table, -1)),
    ] {
        add(name, statement);
    }
    list
}

fn load_receipts(names: &Names, add: &mut impl FnMut(&'static str, Statement)) {
    let load = Load { rows: 9, merged: 7, deleted: 1, set_aside: 2, bytes: 4096, state: Some("e3b0c4") };
    let loaded = Receipt {
        stream: (Some(&names.cursor), &names.other),
        table: &names.table,
        sync_id: 5,
        generation: 7,
        token: "0190ab",
        commit: 3,
        load: Some(load),
    };
    let last = Receipt { stream: (None, &names.other), load: Some(Load { state: None, ..load }), ..loaded.clone() };
    let published = Receipt { load: None, commit: 4, ..loaded.clone() };
    add("receipts::facts", receipts::facts());
    add("receipts::create", receipts::create(&names.table));
    add("receipts::insert", receipts::insert(&names.table, &[loaded, last], true));
    add(
        "receipts::insert of a publication, without the place in the log",
        receipts::insert(&names.table, &[published], false),
    );
    add("remedy::grant_insert", remedy::grant_insert(&names.table, &names.other));
}

fn rejections(names: &Names, add: &mut impl FnMut(&'static str, Statement)) {
    let (table, schema) = (&names.table, &names.schema());
    let raw = TableSchema { raw: true, columns: vec![schema.columns[3].clone()], ..schema.clone() };
    let source = Source::load_table(&table.table, 5, 7, true, NO_FACTS);
    let named = RejectedRow {
        raw_id: "0190a0a0-0000-7000-8000-000000000001",
        position: 17,
        sqlstate: "23514",
        constraint: Some(&names.key),
        column: Some(&names.other),
    };
    let rows = [named, RejectedRow { constraint: None, column: None, ..named }];
    let stream = (Some(names.cursor.as_str()), names.other.as_str());
    add("rejected::check_at_once", rejected::check_at_once());
    add("rejected::empty_load_table", rejected::empty_load_table(&table.table));
    add("rejected::begin_part", rejected::begin_part());
    add("rejected::keep_part", rejected::keep_part());
    add("rejected::undo_part", rejected::undo_part());
    add("rejected::create", rejected::create(table));
    add("rejected::insert", rejected::insert(table, &source, schema, stream, &rows));
    add("rejected::insert in raw mode", rejected::insert(table, &source, &raw, (None, stream.1), &rows));
}

fn remedies(names: &Names, add: &mut impl FnMut(&'static str, Statement)) {
    let (table, role, database) = (&names.table, &names.other, &names.key);
    add("remedy::grant_on_database", remedy::grant_on_database("CREATE, TEMPORARY", database, role));
    add("remedy::grant_on_schema", remedy::grant_on_schema("ALL", &table.schema, role));
    add("remedy::grant_role", remedy::grant_role(database, role));
    add("remedy::create_role", remedy::create_role(role));
    add("remedy::allow_login", remedy::allow_login(role));
    add("remedy::set_password", remedy::set_password(role));
    add("remedy::lift_role_limit", remedy::lift_role_limit(role));
    add("remedy::lift_database_limit", remedy::lift_database_limit(database));
    add("remedy::allow_connections", remedy::allow_connections(database));
    add("remedy::allow_writes", remedy::allow_writes(role, database));
    add("remedy::create_database", remedy::create_database(database));
    add("remedy::own_table", remedy::own_table(table, role));
    add("remedy::plain_collation", remedy::plain_collation(table, &names.key));
}

fn definitions(names: &Names, add: &mut impl FnMut(&'static str, Statement)) {
    let (table, schema) = (&names.table, &names.schema());
    let raw = TableSchema { raw: true, columns: vec![schema.columns[3].clone()], ..schema.clone() };
    let empty = TableSchema { columns: Vec::new(), ..schema.clone() };
    let more = [(names.deleted.clone(), ddl::builtin_type(&names.cursor))];
    let conversion = conversion(&names.other, "text", ColumnType::Integer).expect("a way that keeps the values");
    add("ddl::create_schema", ddl::create_schema(&table.schema));
    add("ddl::create_table", ddl::create_table(table, schema, &[]));
    add("ddl::create_table in raw mode", ddl::create_table(table, &raw, &[]));
    add("ddl::create_table with ddl::builtin_type", ddl::create_table(table, &empty, &more));
    let shape = Shape {
        partition_by: Some("RANGE (at)".into()),
        partitions: Vec::new(),
        tablespace: Some(names.other.clone()),
        storage_parameters: Some("fillfactor = 80".into()),
        after_create: Vec::new(),
    };
    let heap = Shape { partition_by: None, ..shape.clone() };
    add("shape::shaped", shape::shaped(&ddl::create_table(table, &raw, &[]), &shape));
    add("shape::shaped, one heap", shape::shaped(&ddl::create_table(table, &raw, &[]), &heap));
    add("shape::partition", shape::partition(table, table, Some("FOR VALUES FROM (1) TO (2)"), &shape));
    add("shape::partition for the rest", shape::partition(table, table, None, &Shape::default()));
    add(
        "shape::after_create",
        shape::after_create(table, "CREATE INDEX ON {table} (x); GRANT USAGE ON SCHEMA {schema} TO y;"),
    );
    add("ddl::create_load_table", ddl::create_load_table(&table.table, schema, false, false));
    add("ddl::create_load_table with changes and arrival", ddl::create_load_table(&table.table, schema, true, true));
    add("ddl::copy_into_load_table", ddl::copy_into_load_table(&table.table));
    add("ddl::add_column", ddl::add_column(table, &names.other, ColumnType::Number));
    add("ddl::drop_column", ddl::drop_column(table, &names.other, false));
    add("ddl::drop_column and what depends", ddl::drop_column(table, &names.other, true));
    add("ddl::rename_column", ddl::rename_column(table, &names.other, &names.key));
    add("ddl::convert_column", ddl::convert_column(table, &names.other, ColumnType::Integer, &conversion));
    add("ddl::retype_empty_column", ddl::retype_empty_column(table, &names.other, ColumnType::Date));
    add("ddl::has_unconvertible", ddl::has_unconvertible(table, &names.other, &conversion.guard.expect("a guard")));
    add("ddl::has_rows", ddl::has_rows(table));
    add("ddl::any_generation", ddl::any_generation(table));
    add("ddl::has_older_generation", ddl::has_older_generation(table, -7));
    add("ddl::comment_mapping", ddl::comment_mapping(table, &names.other));
    add("ddl::comment_table", ddl::comment_table(table, &names.other));
    add("ddl::uncomment_table", ddl::uncomment_table(table));
    add("ddl::drop_table", ddl::drop_table(table, false));
    add("ddl::drop_table and what depends", ddl::drop_table(table, true));
    add("ddl::add_check", ddl::add_check(table, &names.key, "CHECK ((id < 3))"));
    add("ddl::drop_check", ddl::drop_check(table, &names.key));
    add("ddl::rename_table", ddl::rename_table(table, &names.key));
    add("ddl::lock_table", ddl::lock_table(table, true));
    add("ddl::truncate", ddl::truncate(table, true));
    add("ddl::delete_all", ddl::delete_all(table));
    add("ddl::replica_identity_full", ddl::replica_identity_full(table));
    let key = schema.key_names();
    add("ddl::create_index", ddl::create_index(&names.other, table, &key, false, true));
    add("ddl::create_index unique", ddl::create_index(&names.other, table, &key, true, false));
    add("ddl::create_index unique, equal nulls", ddl::create_index(&names.other, table, &key, true, true));
    add("ddl::comment_index", ddl::comment_index(&table.schema, &names.other, &names.key));
    add("ddl::drop_index", ddl::drop_index(&table.schema, &names.other));
    add("ddl::rename_index", ddl::rename_index(&table.schema, &names.other, &names.key));
    add("ddl::grant_usage", ddl::grant_usage(&table.schema, &names.other));
    add("ddl::grant_select", ddl::grant_select(table, &names.other));
    add("ddl::drop_not_null", ddl::drop_not_null(table, &names.other));
}

fn merges(names: &Names, add: &mut impl FnMut(&'static str, Statement)) {
    let (target, schema) = (&names.table, &names.schema());
    let simple = TableSchema { cursor: None, deleted_at: None, key: vec![0], ..schema.clone() };
    let doubtful = KeyFacts { duplicates: true, nulls: true, ..NO_FACTS };
    let unique = Source::load_table(&names.table.table, 5, 7, false, NO_FACTS);
    let competing = Source::load_table(&names.table.table, 5, 7, true, doubtful);
    let next = Source::table(&names.table, doubtful);
    let merge = |schema, source| Merge { target, schema, source };
    add("merge::insert", merge(schema, &unique).insert());
    add("merge::insert with changes", merge(schema, &competing).insert());
    add("merge::insert of a table", merge(schema, &next).insert());
    add("merge::insert_newest", merge(schema, &competing).insert_newest());
    add("merge::insert_newest of distinct rows, no cursor, no deletions", merge(&simple, &unique).insert_newest());
    add("merge::on_conflict", merge(schema, &competing).on_conflict());
    add("merge::on_conflict of distinct rows, no cursor, no deletions", merge(&simple, &unique).on_conflict());
    add("merge::update", merge(schema, &competing).update());
    add("merge::update of distinct rows, no cursor, no deletions", merge(&simple, &unique).update());
    add("merge::insert_absent", merge(schema, &competing).insert_absent());
    add("merge::insert_absent of distinct rows, no cursor, no deletions", merge(&simple, &unique).insert_absent());
    add("merge::insert_absent of a table", merge(schema, &next).insert_absent());
    add("merge::delete_older", merge(schema, &competing).delete_older());
    add("merge::delete_older of distinct rows, no cursor, no deletions", merge(&simple, &unique).delete_older());
    add("merge::delete", merge(schema, &competing).delete().expect("a deletion mark"));
    assert!(merge(&simple, &competing).delete().is_none(), "deletions are kept");
    let other = TableName { schema: names.cursor.clone(), table: names.deleted.clone() };
    add("merge::copy_rows", merge::copy_rows(target, &other, &[&names.key, &names.other]));
    add("merge::repeats_key", merge::repeats_key(target, &other, &[&names.key, &names.other]));
    let [update, delete, insert] =
        merge::replace_by_key(target, &other, &[&names.key, &names.other], &[&names.key, &names.cursor]);
    add("merge::replace_by_key update", update);
    add("merge::replace_by_key delete", delete);
    add("merge::replace_by_key insert", insert);
}

fn views(names: &Names, add: &mut impl FnMut(&'static str, Statement)) {
    let grant = |column: Option<&String>, grantee: Option<&String>, grantable| Grant {
        privilege: "SELECT".into(),
        column: column.cloned(),
        grantee: grantee.cloned(),
        grantable,
    };
    let plain = View {
        name: names.table.clone(),
        materialized: false,
        owner: Some(names.other.clone()),
        definition: " SELECT 1; \n".into(),
        options: Some("security_barrier=true".into()),
        populated: true,
        comment: Some(names.other.clone()),
        grants: vec![grant(None, None, false), grant(Some(&names.key), Some(&names.cursor), true)],
        attachments: vec!["CREATE RULE r AS ON INSERT TO v DO INSTEAD NOTHING".into()],
        column_comments: vec![(names.key.clone(), names.deleted.clone())],
    };
    let materialized = View {
        materialized: true,
        populated: false,
        owner: None,
        options: None,
        comment: None,
        grants: Vec::new(),
        attachments: Vec::new(),
        column_comments: Vec::new(),
        ..plain.clone()
    };
    add("dependents::create_statement", plain.create_statement());
    add("dependents::create_statement of a materialized view", materialized.create_statement());
    add("dependents::revoke_statement", plain.revoke_statement(Some(&names.key)));
    add("dependents::revoke_statement from everybody", plain.revoke_statement(None));
    add("dependents::drop_statement", plain.drop_statement());
    add("dependents::drop_statement of a materialized view", materialized.drop_statement());
    for statement in plain.restore_statements() {
        add("dependents::restore_statements", statement);
    }
    for statement in materialized.restore_statements() {
        add("dependents::restore_statements of a materialized view", statement);
    }
    for statement in (View { populated: true, comment: Some("c".into()), ..materialized }).restore_statements() {
        add("dependents::restore_statements of a materialized view with data", statement);
    }
}

fn scripts(names: &Names, add: &mut impl FnMut(&'static str, Statement)) {
    let setup = Setup {
        database: &names.table.table,
        user: &names.key,
        verifier: Some("SCRAM-SHA-256$4096:salt$stored:server"),
        role: None,
        schemas: std::slice::from_ref(&names.table.schema),
        readers: &[],
    };
    let shared = Setup {
        verifier: None,
        role: Some(&names.cursor),
        schemas: &[names.table.schema.clone(), names.deleted.clone()],
        readers: &[names.other.clone(), names.deleted.clone()],
        ..setup
    };
    add("setup::script for schemas of its own", setup.script(true));
    add("setup::script for schemas made beforehand", setup.script(false));
    add("setup::script for schemas of a role, with readers", shared.script(true));
    add("setup::script for schemas made beforehand, of a role, with readers", shared.script(false));
    add("setup::undo", setup.undo());
    add("setup::undo of a role and two schemas", shared.undo());
}
