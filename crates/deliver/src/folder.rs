//! Events that come in no order and from no store, written as files into a folder: one for each class, organization and day,
//! or several when there is more than memory should hold.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::columns::Shape;
use crate::file::EventFile;
use crate::layout::{day_texts, encoded};
use crate::{Error, Result};

/// How much OCSF text is held in memory before files are written.
const HELD_BYTES: usize = 64 << 20;

/// A folder of Parquet files, partitioned as the archive is with the layout `hive`.
#[derive(Debug)]
pub struct EventFolder {
    folder: PathBuf,
    held: BTreeMap<Partition, Vec<Held>>,
    held_bytes: usize,
    /// How many files of each partition are written.
    written: BTreeMap<Partition, u32>,
    files: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Partition {
    class_uid: u16,
    tenant: String,
    day: i64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    time_ms: i64,
    uid: String,
    line: Vec<u8>,
}

/// What of an event says where it belongs.
#[derive(Deserialize)]
struct Head {
    class_uid: u16,
    time: i64,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    uid: String,
    #[serde(default)]
    tenant_uid: String,
}

impl EventFolder {
    /// Begins; the folder is made if it is not there.
    ///
    /// # Errors
    /// There is something in it already: what is read from the folder would be both.
    pub fn create(folder: &Path) -> Result<Self> {
        let failed = |source| Error::File { what: format!("{} can not be used", folder.display()), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        if std::fs::read_dir(folder).map_err(failed)?.next().is_some() {
            return Err(Error::Place(format!(
                "{} is not empty: files of another run would be read together with those of this one",
                folder.display()
            )));
        }
        Ok(Self { folder: folder.to_owned(), held: BTreeMap::new(), held_bytes: 0, written: BTreeMap::new(), files: 0 })
    }

    /// Adds an event: JSON as the mapper writes it.
    ///
    /// # Errors
    /// A file can not be written.
    pub fn push(&mut self, ocsf: &[u8]) -> Result<()> {
        let head: Head = serde_json::from_slice(ocsf).map_err(|error| Error::Columns(error.to_string()))?;
        let day = head.time.div_euclid(24 * 3_600_000);
        let partition = Partition { class_uid: head.class_uid, tenant: head.metadata.tenant_uid, day };
        let held = Held { time_ms: head.time, uid: head.metadata.uid, line: ocsf.to_vec() };
        self.held.entry(partition).or_default().push(held);
        self.held_bytes += ocsf.len();
        if self.held_bytes >= HELD_BYTES { self.write_held() } else { Ok(()) }
    }

    /// Writes what is left; returns how many files there are.
    ///
    /// # Errors
    /// A file can not be written.
    pub fn finish(mut self) -> Result<u64> {
        self.write_held()?;
        Ok(self.files)
    }

    fn write_held(&mut self) -> Result<()> {
        self.held_bytes = 0;
        for (partition, mut events) in std::mem::take(&mut self.held) {
            events.sort_unstable();
            let number = self.written.entry(partition.clone()).or_insert(0);
            *number += 1;
            let (day, plain) = day_texts(partition.day);
            let folder = self.folder.join(format!(
                "class={}/org_id={}/day={day}",
                partition.class_uid,
                encoded(&partition.tenant)
            ));
            write_file(&folder, &format!("jumpseat-{plain}-{number:04}.parquet"), &events)?;
            self.files += 1;
        }
        Ok(())
    }
}

fn write_file(folder: &Path, name: &str, events: &[Held]) -> Result<()> {
    let failed = |source| Error::File { what: format!("{} can not be written", folder.join(name).display()), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    // Readers of the folder see the file when it is whole.
    let mut unfinished = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let mut file = EventFile::new(Shape::Whole)?;
    for event in events {
        file.push(&event.line)?;
        let ready = file.take();
        if !ready.is_empty() {
            unfinished.write_all(&ready).map_err(failed)?;
        }
    }
    unfinished.write_all(&file.finish()?).map_err(failed)?;
    let finished = unfinished.persist(folder.join(name)).map_err(|error| failed(error.error))?;
    // As readable as any new file: the temporary one is only for its owner.
    set_usual_mode(&finished).map_err(failed)
}

fn set_usual_mode(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o640))
}
