//! A little room that is kept on the disk of an embedded store. When the disk is full, it is given up, so that at least it can be
//! written down why a sync has ended. It is taken again at a start that finds room.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::Store;

/// As much as the last lines of a run need, and a good deal more, twice: one half for the line of the audit log with which a
/// command begins, the other for how it has ended.
const BYTES: u64 = 1 << 20;

/// The file that keeps the room, beside the database.
fn file_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-reserve");
    PathBuf::from(name)
}

/// Keeps the room, if it is not kept yet. Without room for it there is nothing to keep.
pub(crate) fn keep(database: &Path) {
    let file = file_of(database);
    let held = kept(&file);
    if held == BYTES {
        return;
    }
    let opened = std::fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&file);
    if opened.is_ok_and(|mut opened| opened.write_all(&vec![0; BYTES as usize]).is_err()) {
        shrink(&file, held);
    }
}

/// How much is kept.
fn kept(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |file| file.len())
}

/// Leaves so much of it.
fn shrink(file: &Path, bytes: u64) {
    // It may be gone already: then there is no more to give.
    let _ = match bytes {
        0 => std::fs::remove_file(file),
        _ => std::fs::OpenOptions::new().write(true).open(file).and_then(|file| file.set_len(bytes)),
    };
}

impl Store {
    /// Writes what is to be written down on a full disk as well, into the room that was kept for it.
    pub async fn in_reserve<T>(&self, writing: impl Future<Output = T>) -> T {
        let Some(database) = &self.file else { return writing.await };
        let into_the_room = async {
            let file = file_of(database);
            shrink(&file, if kept(&file) > BYTES / 2 { BYTES / 2 } else { 0 });
            writing.await
        };
        // Folding the log would use up the room before anything is written into the log.
        self.db.without_folding(into_the_room).await
    }
}
