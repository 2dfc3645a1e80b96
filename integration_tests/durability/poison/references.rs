//! Rows that refer to others by a foreign key: what they lack may come later in the window, in another stream, or by another session.

use std::ops::Range;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{ID, Pad, TAME, VALUE, counts, poison, prepared, rejected, row, rows, same, set_aside, silent, sync};
use crate::scenario::{Checked, Mode, failed, state, succeeded};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("poison::parent_comes_later", || Ok(parent_later()?)),
        Trial::test("poison::parent_comes_later_at_once", || Ok(parent_later_at_once()?)),
        Trial::test("poison::parent_comes_later_beside_a_returning_key", || Ok(returning_key()?)),
        Trial::test("poison::parent_comes_by_another_session", || Ok(other_session()?)),
        Trial::test("poison::other_stream_comes_later", || Ok(other_stream_later()?)),
        Trial::test("poison::smaller_stream_that_others_refer_to", || Ok(smaller_stream_first()?)),
    ]
}

/// A constraint that is checked at the commit: a row's parent may come after it, in the other half.
fn parent_later() -> Checked {
    let streams = [("events", Mode::Append)];
    let script = "ALTER TABLE airbyte.events ADD CONSTRAINT ids UNIQUE (id);
        UPDATE airbyte.events SET part = id;
        ALTER TABLE airbyte.events ADD CONSTRAINT parent FOREIGN KEY (part) REFERENCES airbyte.events (id)
            DEFERRABLE INITIALLY DEFERRED";
    let family = |ids: Range<u32>| ids.map(|id| row("events", id, id | 1, Some("pad"))).collect::<String>();
    let orphan = row("events", 999, ID, Some(VALUE));
    let mut scenario = prepared(json!({}), &streams, script)?;
    let input = |base: u32| {
        family(base..base + 100)
            + &state(1)
            + &family(base + 100..base + 151)
            + &orphan
            + &family(base + 151..base + 200)
    };
    let outcome = sync(&scenario, &streams, &(input(100) + &state(2)))?;
    silent(&outcome)?;
    failed(&outcome, "config_error", &["record 152 of stream events", "constraint \"parent\""])?;
    counts(&outcome, &[100])?;
    scenario.holds("events", &[0..50, 100..200])?;
    scenario.settings = set_aside();
    let outcome = sync(&scenario, &streams, &(input(1_000) + &state(2)))?;
    silent(&outcome)?;
    succeeded(&outcome, 2)?;
    scenario.holds("events", &[0..50, 100..200, 1_000..1_200])?;
    same(&rejected(&scenario, "position, constraint_name")?, "152 parent")
}

/// A stream refers to one that comes after it in the same window: set aside is only what refers to nothing.
fn other_stream_later() -> Checked {
    let streams = [("events", Mode::Append), ("others", Mode::Append)];
    let script = "ALTER TABLE airbyte.others ADD CONSTRAINT ids UNIQUE (id);
        ALTER TABLE airbyte.events ADD CONSTRAINT other FOREIGN KEY (id) REFERENCES airbyte.others (id)";
    let scenario = prepared(set_aside(), &streams, script)?;
    let input = rows("events", 50..60) + &poison("events", Pad::Value) + &rows("others", 50..60) + &state(1);
    let outcome = sync(&scenario, &streams, &input)?;
    silent(&outcome)?;
    succeeded(&outcome, 1)?;
    scenario.holds("events", &[0..60])?;
    scenario.holds("others", &[0..60])?;
    same(&rejected(&scenario, "position, constraint_name")?, "11 other")
}

/// What comes first in the window is there first, whatever its size.
fn smaller_stream_first() -> Checked {
    let streams = [("events", Mode::Append), ("others", Mode::Append)];
    let script = "ALTER TABLE airbyte.others ADD CONSTRAINT ids UNIQUE (id);
        ALTER TABLE airbyte.events ADD CONSTRAINT other FOREIGN KEY (id) REFERENCES airbyte.others (id)";
    let scenario = prepared(json!({}), &streams, script)?;
    let input = rows("others", 50..60) + &rows("events", 50..60).repeat(3) + &state(1);
    succeeded(&sync(&scenario, &streams, &input)?, 1)?;
    scenario.holds("events", &[0..60, 50..60, 50..60])?;
    scenario.holds("others", &[0..60])
}

/// The same, checked by each statement: what is wrong is named, and not who lacks a parent because of that.
fn parent_later_at_once() -> Checked {
    for mode in [Mode::Append, Mode::Dedup] {
        let key = if mode == Mode::Append { "ADD CONSTRAINT ids UNIQUE (id)," } else { "" };
        let script = format!(
            "ALTER TABLE airbyte.events {key} ADD {TAME};
             UPDATE airbyte.events SET part = id;
             ALTER TABLE airbyte.events ADD CONSTRAINT parent FOREIGN KEY (part) REFERENCES airbyte.events (id)"
        );
        let mut scenario = prepared(json!({}), &[("events", mode)], &script)?;
        // Each row refers to the one after it, the last one to itself.
        let chain = |ids: Range<u32>| {
            ids.clone().map(|id| row("events", id, (id + 1).min(ids.end - 1), Some("pad"))).collect::<String>()
        };
        let input = |base: u32| {
            let broken = chain(base + 100..base + 140);
            let bad = row("events", base + 120, base + 121, Some(VALUE));
            let good = row("events", base + 120, base + 121, Some("pad"));
            chain(base..base + 100) + &state(1) + &broken.replace(&good, &bad) + &state(2)
        };
        let outcome = sync(&scenario, &[("events", mode)], &input(1_000))?;
        silent(&outcome)?;
        failed(&outcome, "config_error", &["record 121 of stream events", "constraint \"tame\""])?;
        counts(&outcome, &[100])?;
        scenario.holds("events", &[0..50, 1_000..1_100])?;
        scenario.settings = set_aside();
        let outcome = sync(&scenario, &[("events", mode)], &input(2_000))?;
        silent(&outcome)?;
        succeeded(&outcome, 2)?;
        // Those before the refused one refer to it, one after the other.
        scenario.holds("events", &[0..50, 1_000..1_100, 2_000..2_100, 2_121..2_140])?;
        let causes = rejected(&scenario, "position, constraint_name")?;
        let parents = (101..121).map(|position| format!("{position} parent\n"));
        same(&causes, &(parents.collect::<String>() + "121 tame"))?;
        let rest: String = chain(3_000..3_200) + &state(1);
        succeeded(&sync(&scenario, &[("events", mode)], &rest)?, 1)?;
    }
    Ok(())
}

/// Rows of a key that comes more than once: the newest stays, whichever had to wait for its parent.
fn returning_key() -> Checked {
    let streams = [("events", Mode::Dedup)];
    let script = format!(
        "ALTER TABLE airbyte.events ADD {TAME};
         UPDATE airbyte.events SET part = id;
         ALTER TABLE airbyte.events ADD CONSTRAINT parent FOREIGN KEY (part) REFERENCES airbyte.events (id)"
    );
    let scenario = prepared(set_aside(), &streams, &script)?;
    let input = [
        // Both wait: the second one is newer, and so is the one that does not have to wait.
        row("events", 100, 180, Some("old")),
        row("events", 100, 190, Some("new")),
        row("events", 101, 181, Some("old")),
        row("events", 101, 181, Some("new")),
        row("events", 102, 180, Some("new")),
        row("events", 102, 7, Some("old")),
        poison("events", Pad::Value),
        (180..200).map(|id| row("events", id, id, Some("new"))).collect(),
        state(1),
    ];
    let outcome = sync(&scenario, &streams, &input.concat())?;
    silent(&outcome)?;
    succeeded(&outcome, 1)?;
    scenario.holds("events", &[0..50, 100..103, 180..200])?;
    same(&scenario.sql.value("SELECT count(*) FROM airbyte.events WHERE pad = 'old'")?, "0")?;
    same(&rejected(&scenario, "position, constraint_name")?, "7 tame")
}

/// Parents are loaded by a session that takes longer than the one with their children.
fn other_session() -> Checked {
    let streams = [("events", Mode::Append), ("others", Mode::Append)];
    let script = "ALTER TABLE airbyte.others ADD CONSTRAINT ids UNIQUE (id);
        ALTER TABLE airbyte.events ADD CONSTRAINT other FOREIGN KEY (id) REFERENCES airbyte.others (id);
        CREATE FUNCTION airbyte.slow() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_catalog.pg_sleep(0.5); RETURN NULL; END $$;
        CREATE TRIGGER t AFTER INSERT ON airbyte.others FOR EACH STATEMENT EXECUTE FUNCTION airbyte.slow()";
    let patient = |settings: Value| {
        let mut settings = settings;
        settings["commit_interval_seconds"] = json!(60);
        settings
    };
    let mut scenario = prepared(patient(json!({})), &streams, script)?;
    let pad = "x".repeat(20_000);
    let big = |stream: &str, ids: Range<u32>| ids.map(|id| row(stream, id, 1, Some(&pad))).collect::<String>();
    let both = |ids: Range<u32>| big("others", ids.clone()) + &big("events", ids);
    let copies = |table: &str| {
        let copy = |statement: &&String| statement.starts_with("INSERT INTO") && statement.contains(table);
        scenario.proxy.statements().iter().filter(copy).count()
    };
    let before = copies("\"events\"");
    succeeded(&sync(&scenario, &streams, &(both(50..200) + &state(1)))?, 1)?;
    if copies("\"events\"") != before + 2 {
        return Err("the children did not come before their parents".into());
    }
    scenario.holds("events", &[0..200])?;
    scenario.holds("others", &[0..200])?;
    let orphan = poison("events", Pad::Value);
    let outcome = sync(&scenario, &streams, &(both(200..250) + &state(1) + &orphan + &both(250..350) + &state(2)))?;
    silent(&outcome)?;
    failed(&outcome, "config_error", &["record 51 of stream events", "constraint \"other\""])?;
    counts(&outcome, &[100])?;
    scenario.holds("events", &[0..250])?;
    scenario.settings = patient(set_aside());
    let outcome = sync(&scenario, &streams, &(both(350..420) + &orphan + &both(420..500) + &state(3)))?;
    silent(&outcome)?;
    succeeded(&outcome, 1)?;
    scenario.holds("events", &[0..250, 350..500])?;
    scenario.holds("others", &[0..500])?;
    same(&rejected(&scenario, "position, constraint_name, record->>'id'")?, &format!("71 other {ID}"))
}
