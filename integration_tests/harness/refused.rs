//! A database that refuses some rows, by a constraint or a trigger that somebody has put on the tables.

use crate::drive::Drive;
use crate::source;
use crate::support::connector::Connector;

impl Drive<'_> {
    /// Makes the tables, and has the database refuse some rows of theirs.
    ///
    /// # Errors
    /// What keeps it from doing so.
    pub fn refuse_rows(&mut self) -> Result<(), String> {
        let mut own = self.plan.clone();
        own.streams.retain(|stream| stream.refused.is_some());
        let refused: Vec<_> = own.streams.iter().filter_map(|s| Some((self.bed.table(s.name), s.refused?))).collect();
        if refused.is_empty() {
            return Ok(());
        }
        let outcome = Connector::write(&self.bed.direct_config(), &source::catalog(&own, 0, 0)).run(b"");
        if outcome.code() != 0 {
            return Err(format!("the tables cannot be made: {outcome:#?}"));
        }
        let (sql, schema) = (self.bed.superuser()?, &self.bed.schema);
        sql.run(&format!(
            "CREATE FUNCTION {schema}.fits(number int8, every int8) RETURNS bool LANGUAGE sql STABLE
                AS 'SELECT number % every <> every - 1';
             CREATE FUNCTION {schema}.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NOT {schema}.fits(NEW.number, TG_ARGV[0]::int8) THEN RAISE 'not this one'; END IF; RETURN NEW; END $$"
        ))?;
        for (table, refused) in refused {
            let every = refused.every;
            sql.run(&if refused.trigger {
                format!("CREATE TRIGGER looks BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {schema}.look({every})")
            } else {
                format!("ALTER TABLE {table} ADD CONSTRAINT fits CHECK ({schema}.fits(number, {every}))")
            })?;
        }
        self.refusing = !self.plan.set_aside;
        Ok(())
    }

    /// The database takes every row from now on, where it was an error that it did not.
    pub fn accept_rows(&mut self) {
        if std::mem::take(&mut self.refusing) {
            self.note("the database takes every row now");
            let schema = &self.bed.schema;
            let accept = format!(
                "CREATE OR REPLACE FUNCTION {schema}.fits(number int8, every int8) RETURNS bool LANGUAGE sql STABLE AS 'SELECT true'"
            );
            self.bed.superuser().and_then(|sql| sql.run(&accept)).expect("the database takes every row");
        }
    }
}
