//! A little room that is kept on the disk of an embedded store. When the disk is full, it is given up, so that at least it can be
//! written down why a sync has ended. It is taken again at a start that finds room.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::Store;

/// As much as the last lines of a run need, and a good deal more.
const BYTES: usize = 1 << 20;

/// The file that keeps the room, beside the database.
fn file_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-reserve");
    PathBuf::from(name)
}

/// Keeps the room, if it is not kept yet. Without room for it there is nothing to keep.
pub(crate) fn keep(database: &Path) {
    let file = file_of(database);
    let made = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&file);
    if made.is_ok_and(|mut made| made.write_all(&vec![0; BYTES]).is_err()) {
        // Half of it is none.
        let _ = std::fs::remove_file(&file);
    }
}

impl Store {
    /// Writes what is to be written down on a full disk as well, into the room that was kept for it.
    pub async fn in_reserve<T>(&self, writing: impl Future<Output = T>) -> T {
        let Some(database) = &self.file else { return writing.await };
        let into_the_room = async {
            // It may be gone already: then there is no more to give.
            let _ = std::fs::remove_file(file_of(database));
            writing.await
        };
        // Folding the log would use up the room before anything is written into the log.
        self.db.without_folding(into_the_room).await
    }
}
