use crate::support::postgres::TestDatabase;
use fastrand::Rng;
pub fn round(_: &TestDatabase, _: &mut Rng) -> Result<(), String> {
    Ok(())
}
pub fn large_windows(_: &TestDatabase, _: &mut Rng) -> Result<(), String> {
    Ok(())
}
