//! What the tests share: the folder outside of the repository, and mapping one event.

use std::path::{Path, PathBuf};

use ocsf::{Mapper, Received};
use serde_json::Value;

/// When the golden events were stored.
pub(crate) const LOGGED_MS: i64 = 1_777_900_000_000;

/// A file of the shared folder; None (said aloud) if it is not there, unless it must be.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("JUMPSEAT_SHARED").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let found = folder.join(path);
    if found.exists() {
        return Some(found);
    }
    assert_ne!(std::env::var("JUMPSEAT_REQUIRE_ALL").as_deref(), Ok("1"), "{} is not there", found.display());
    eprintln!("skipped: {} is not there (set JUMPSEAT_SHARED)", found.display());
    None
}

/// The OCSF text of one raw event.
pub(crate) fn line(raw: &str, received: &Received<'_>) -> String {
    let mut out = Vec::new();
    Mapper::new().read(raw).write_ocsf(received, &mut out);
    String::from_utf8(out).unwrap()
}

/// The OCSF event of one raw event, stored when the golden ones were.
pub(crate) fn mapped(raw: &str) -> Value {
    let text = line(raw, &Received::at(LOGGED_MS));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
