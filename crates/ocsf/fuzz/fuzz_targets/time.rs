//! Any text, read as a time.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(ms) = ocsf::parse_time(text) {
        assert!((1_262_304_000_000..100_000_000_000_000).contains(&ms));
    }
});
