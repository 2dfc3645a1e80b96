//! The meta columns that differ from row to row: raw id and extraction time.

use crate::types::calendar::{FIRST_TIMESTAMP, LAST_TIMESTAMP, MICROS_PER_SECOND, SECONDS_TO_POSTGRES_EPOCH};

/// Makes `_airbyte_raw_id`s: UUIDs of version 7, so that ids of one load stand together in an index.
pub struct RawIds {
    random: fastrand::Rng,
    millis: u64,
}

impl RawIds {
    /// Ids made from the operating system's randomness.
    pub fn new() -> Self {
        Self { random: fastrand::Rng::new(), millis: 0 }
    }

    /// Ids that repeat from run to run, for tests.
    pub fn seeded(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), millis: 0 }
    }

    /// Sets the time that the next ids carry, in milliseconds since 1970.
    pub fn set_time(&mut self, millis: u64) {
        self.millis = millis;
    }

    /// A new id.
    pub fn make(&mut self) -> [u8; 16] {
        let mut random = [0; 10];
        let (a, b) = (self.random.u64(..).to_le_bytes(), self.random.u16(..).to_le_bytes());
        random[..8].copy_from_slice(&a);
        random[8..].copy_from_slice(&b);
        uuid::Builder::from_unix_timestamp_millis(self.millis, &random).into_uuid().into_bytes()
    }
}

impl Default for RawIds {
    fn default() -> Self {
        Self::new()
    }
}

/// `emitted_at` as Postgres counts, moved to the nearest instant that it can store.
pub fn extracted_at(emitted_at_ms: i64) -> i64 {
    extracted_at_micros(i128::from(emitted_at_ms) * 1_000)
}

/// The same of microseconds since 1970.
pub fn extracted_at_micros(micros: i128) -> i64 {
    let since_2000 = micros - i128::from(SECONDS_TO_POSTGRES_EPOCH * MICROS_PER_SECOND);
    let nearest = since_2000.clamp(FIRST_TIMESTAMP.into(), LAST_TIMESTAMP.into());
    i64::try_from(nearest).unwrap_or_default()
}
