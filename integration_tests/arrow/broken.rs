//! Files that are broken: one error that names file and column, and no acknowledgement behind it.

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::*;

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("broken::each_fault_has_its_sentence", each_fault_has_its_sentence)]
}

fn each_fault_has_its_sentence() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "broken");
    let database = TestServer::shared().database()?;
    let checksum =
        "column \"name\": a page does not have the checksum that is noted for it: it is corrupt, write it again";
    let columns = "write all files of one batch, and of a stream without declared fields, with the same columns";
    for (names, kind, want) in [
        (&["cut.parquet"][..], "config_error", "cut.parquet: it is cut off: it ends before its contents do".to_owned()),
        (&["cut.arrow"], "config_error", "cut.arrow: it is cut off: it ends before its contents do".into()),
        (&["cut.arrows"], "system_error", "cut.arrows: it is cut off: it ends before its contents do".into()),
        (&["checksum.parquet"], "system_error", format!("checksum.parquet: {checksum}")),
        (&["text.arrows"], "system_error", "text.arrows: column \"name\": it is corrupt: write it again".into()),
        (&["offsets.arrow"], "system_error", "offsets.arrow: column \"name\": it is corrupt: write it again".into()),
        (&["csv.parquet"], "config_error", "csv.parquet: it is not parquet".into()),
        (&["empty.arrow"], "config_error", "empty.arrow: it is empty".into()),
        (
            &["twice.arrow"],
            "config_error",
            "twice.arrow: it has two columns of the name \"id\": rename one of them".into(),
        ),
        (
            &["encrypted.parquet"],
            "config_error",
            "encrypted.parquet: it is encrypted, and this connector has no key for it: write it without encryption"
                .into(),
        ),
        (
            &["footer.parquet"],
            "config_error",
            "footer.parquet: it is encrypted, and this connector has no key for it: write it without encryption".into(),
        ),
        (
            &["good.parquet", "other.parquet"],
            "config_error",
            format!(
                "other.parquet: column \"id\" is Utf8View, but Int64 in file {}: {columns}",
                files.path().join("good.parquet").display()
            ),
        ),
        (
            &["good.parquet", "more.parquet"],
            "config_error",
            format!(
                "more.parquet: column \"new\" is new: it is not in file {}: {columns}",
                files.path().join("good.parquet").display()
            ),
        ),
        (
            &["good.parquet", "less.parquet"],
            "config_error",
            format!(
                "less.parquet: column \"name\" is missing, but it is there in file {}: {columns}",
                files.path().join("good.parquet").display()
            ),
        ),
    ] {
        let input = batch_of(&files, &["good.parquet"]) + &state(1) + &batch_of(&files, names) + &state(2);
        let outcome = write(&database, &catalog(json!({})), &files, &input);
        assert_eq!(outcome.code(), 1, "{names:?}: {outcome:#?}");
        let (found, text) = failure(&outcome);
        assert_eq!(found, kind, "{names:?}: {text}");
        let start = format!("line 3 of the input: file {}/", files.path().display());
        assert_eq!(text.strip_prefix(&start), Some(want.as_str()), "{text}");
        assert_eq!(acknowledged(&outcome), [20_000.0], "{names:?}");
        let all = outcome.stdout.concat() + &outcome.stderr;
        assert!(!all.contains("needle"), "a value in {all}");
    }
    // What was acknowledged is there, and whole.
    let whole = rows(
        &database,
        "SELECT count(*) >= 14 * 20000, count(DISTINCT id), bool_and(name = 'needle ' || id) FROM airbyte.t",
    )?;
    assert_eq!(whole, ["t|20000|t"]);
    Ok(())
}
