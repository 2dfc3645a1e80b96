//! The guide's role on a plain server: what every other subject builds on.

use libtest_mimic::{Failed, Trial};

use crate::support::connector::Connector;
use crate::support::postgres::TestServer;

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("basics::check_succeeds_and_leaves_nothing", check_succeeds_and_leaves_nothing)]
}

fn check_succeeds_and_leaves_nothing() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let objects = "SELECT count(*) FROM pg_catalog.pg_class UNION ALL SELECT count(*) FROM pg_catalog.pg_namespace";
    let before = database.superuser()?.rows(objects)?;
    let outcome = Connector::check(&database.config()).run(b"");
    assert_eq!(outcome.checked(), Ok(()), "{outcome:?}");
    assert_eq!(outcome.code(), 0);
    assert_eq!(database.superuser()?.rows(objects)?, before);
    Ok(())
}
