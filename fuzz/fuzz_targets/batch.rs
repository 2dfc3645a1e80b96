#![no_main]

use destination_postgres::panics;

// A panic of a library that is caught is no finding.
libfuzzer_sys::fuzz_target!(init: panics::on_panic(std::panic::take_hook()), |input: &[u8]| bodies::batch::run(input));
