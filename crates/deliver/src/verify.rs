//! Holds an archive against the ledger: every object is read again, hashed, and its events counted and identified hour by
//! hour. What differs is named. Nothing is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaDataReader};
use parquet::file::serialized_reader::SerializedPageReader;
use sha2::{Digest as _, Sha256};
use store::events::{Hour, Window, WindowState};
use store::{ArchivedObject, ArchivedUnit, UnitKey};

use crate::archive::{Archiver, Proof};
use crate::plan::{When, bit};
use crate::{Error, Result};

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Objects that were read.
    pub objects: u64,
    /// Events in them.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Windows whose events are in the archive, each exactly once.
    pub windows: u64,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What sort of difference.
    pub kind: DifferenceKind,
    /// The organization, if it is known.
    pub org_id: Option<String>,
    /// The object, the day or the hour.
    pub what: String,
    /// What differs.
    pub detail: String,
}

/// What sort of difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// An object is not there.
    Missing,
    /// An object has other bytes than were written.
    Changed,
    /// There is an object that Jumpseat did not write, or not as part of what the archive holds now.
    Extra,
    /// The events of an hour are not those of the ledger.
    Differs,
    /// Sealed windows are not written yet, or not to the end: the next run does it.
    Behind,
}

impl DifferenceKind {
    /// Its word: `missing`, `changed`, `extra`, `differs` or `behind`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Changed => "changed",
            Self::Extra => "extra",
            Self::Differs => "differs",
            Self::Behind => "behind",
        }
    }
}

/// The identities that were found in the objects of a unit, by hour.
type Found = BTreeMap<Hour, Proof>;

impl Archiver {
    /// Reads the whole archive and holds it against what was written and against the ledger.
    ///
    /// # Errors
    /// The place or the store can not be read.
    pub async fn verify(&self, now: Timestamp) -> Result<Verified> {
        let mut verified = Verified::default();
        let mut objects: BTreeMap<UnitKey, Vec<ArchivedObject>> = BTreeMap::new();
        let mut known = BTreeSet::new();
        for object in self.store.archived_objects(&self.archive.id, None).await? {
            known.insert(object.path.clone());
            objects.entry(object.key.clone()).or_default().push(object);
        }
        for unit in self.store.archived_units(&self.archive.id, None).await? {
            self.verify_unit(&unit, objects.get(&unit.key).map_or(&[], Vec::as_slice), &mut verified).await?;
        }
        self.find_extra(&known, &mut verified).await?;
        for (org_id, kept_from) in self.organizations().await? {
            let plan = self.plan(&org_id, kept_from, When::DayIsOver, false, now).await?;
            for key in plan.remove {
                verified.differences.push(Difference {
                    kind: DifferenceKind::Behind,
                    org_id: Some(org_id.clone()),
                    what: unit_name(&key),
                    detail: "it is to be removed, since the day has an object for each hour: `jumpseat archive run`"
                        .to_owned(),
                });
            }
            for unit in plan.write {
                verified.differences.push(Difference {
                    kind: DifferenceKind::Behind,
                    org_id: Some(org_id.clone()),
                    what: unit_name(&unit.key),
                    detail: format!("{} sealed windows are to be written: `jumpseat archive run`", unit.windows.len()),
                });
            }
        }
        Ok(verified)
    }

    async fn verify_unit(
        &self,
        unit: &ArchivedUnit,
        objects: &[ArchivedObject],
        verified: &mut Verified,
    ) -> Result<()> {
        if unit.windows.is_empty() {
            verified.differences.push(Difference {
                kind: DifferenceKind::Behind,
                org_id: Some(unit.key.org_id.clone()),
                what: unit_name(&unit.key),
                detail: "writing it was cut short; the next run writes it again".to_owned(),
            });
            return Ok(());
        }
        let mut found = Found::new();
        let mut is_whole = true;
        for object in objects {
            if let Some((kind, detail)) = self.verify_object(object, &mut found, verified).await? {
                is_whole &= kind != DifferenceKind::Missing;
                verified.differences.push(Difference {
                    kind,
                    org_id: Some(object.key.org_id.clone()),
                    what: object.path.clone(),
                    detail,
                });
            }
        }
        // Without one of its objects every hour differs; that it is missing says it all.
        if is_whole {
            self.compare_with_ledger(unit, found, verified).await?;
        }
        Ok(())
    }

    /// What is wrong with an object by itself. Its events are added to those that were found.
    async fn verify_object(
        &self,
        object: &ArchivedObject,
        found: &mut Found,
        verified: &mut Verified,
    ) -> Result<Option<(DifferenceKind, String)>> {
        let failed = |source| Error::File { what: "a temporary file can not be written".to_owned(), source };
        let mut copy = tempfile::tempfile().map_err(failed)?;
        let mut sha = Sha256::new();
        let bytes = self
            .place
            .read(&object.path, |piece| {
                sha.update(piece);
                copy.write_all(piece).map_err(failed)
            })
            .await?;
        let Some(bytes) = bytes else {
            let detail = format!("it is not there; it held {} events", object.events);
            return Ok(Some((DifferenceKind::Missing, detail)));
        };
        verified.objects += 1;
        verified.bytes += bytes;
        let mut wrong = Vec::new();
        if HEXLOWER.encode(&sha.finalize()) != object.sha256 {
            wrong.push(format!(
                "its SHA-256 is not the one that was written ({bytes} bytes, {} were written)",
                object.bytes
            ));
        }
        copy.rewind().map_err(failed)?;
        match identities(copy, found) {
            Ok(events) => {
                verified.events += events;
                if events != object.events {
                    wrong.push(format!("it has {events} events, and {} were written", object.events));
                }
            }
            Err(error) => wrong.push(error.to_string()),
        }
        Ok((!wrong.is_empty()).then(|| (DifferenceKind::Changed, wrong.join("; "))))
    }

    async fn compare_with_ledger(&self, unit: &ArchivedUnit, mut found: Found, verified: &mut Verified) -> Result<()> {
        let first = Hour::from_number(unit.key.day.saturating_mul(24));
        let windows = self.store.event_windows(&unit.key.org_id, first, Hour::from_number(first.number() + 24)).await?;
        let mut differs = |hour: Hour, detail: String| {
            verified.differences.push(Difference {
                kind: DifferenceKind::Differs,
                org_id: Some(unit.key.org_id.clone()),
                what: hour.to_string(),
                detail,
            });
        };
        let mut equal = 0;
        for window in windows.iter().filter(|window| unit.hours & bit(window.hour) != 0) {
            let proof = found.remove(&window.hour).unwrap_or_default();
            if is_to_be_read_again(window) {
                continue;
            }
            match proof.difference(window) {
                None => equal += 1,
                Some(difference) => differs(window.hour, difference.replace("there are", "the archive has")),
            }
        }
        // An organization that was removed from Jumpseat has no ledger any more; its archive stays.
        if !windows.is_empty() {
            for hour in found.into_keys() {
                differs(hour, "the archive has events of an hour that it should have none of".to_owned());
            }
        }
        verified.windows += equal;
        Ok(())
    }

    async fn find_extra(&self, known: &BTreeSet<String>, verified: &mut Verified) -> Result<()> {
        for folder in self.settings.layout.folders() {
            for path in self.place.list(&folder).await? {
                if !known.contains(&path) {
                    verified.differences.push(Difference {
                        kind: DifferenceKind::Extra,
                        org_id: None,
                        what: path,
                        detail: "it is not part of what the archive holds: whoever reads the folder reads it too"
                            .to_owned(),
                    });
                }
            }
        }
        Ok(())
    }
}

/// Its proof is being made anew: until then the archive has the one before.
fn is_to_be_read_again(window: &Window) -> bool {
    window.state != WindowState::Sealed
}

fn unit_name(key: &UnitKey) -> String {
    let day = crate::layout::day_texts(key.day).0;
    key.hour.map_or_else(|| day.clone(), |hour| format!("{day}T{hour:02}"))
}

/// Reads the identities of a file's events, and nothing else of it but the times under which they are filed (`time` may be one
/// that JumpCloud does not believe); returns how many there are.
fn identities(file: File, found: &mut Found) -> Result<u64> {
    let file = Arc::new(file);
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&*file)?;
    let schema = metadata.file_metadata().schema_descr();
    let place = |name: &str| {
        let place = (0..schema.num_columns()).find(|at| schema.column(*at).path().string() == name);
        place.ok_or_else(|| Error::Columns(format!("it has no column {name}")))
    };
    let (times, uids) = (place("metadata.logged_time")?, place("metadata.uid")?);
    let mut events = 0;
    for group in metadata.row_groups() {
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let times: Vec<i64> = values::<Int64Type>(&file, group.column(times), rows)?;
        let uids: Vec<ByteArray> = values::<ByteArrayType>(&file, group.column(uids), rows)?;
        for (time_ms, uid) in times.into_iter().zip(uids) {
            let uid = uuid::Uuid::try_parse_ascii(uid.data())
                .map_err(|_| Error::Columns("a metadata.uid is no UUID".to_owned()))?;
            found.entry(Hour::of_ms(time_ms)).or_default().add(*uid.as_bytes());
        }
        events += rows as u64;
    }
    Ok(events)
}

/// The values of a column of a row group, one for each row. Read by themselves: the reader of whole rows would be a
/// large part of the program.
fn values<T: DataType>(file: &Arc<File>, column: &ColumnChunkMetaData, rows: usize) -> Result<Vec<T::T>> {
    let pages = SerializedPageReader::new(file.clone(), column, rows, None)?;
    let mut reader = ColumnReaderImpl::<T>::new(column.column_descr_ptr(), Box::new(pages));
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    while values.len() < rows {
        let (_, read, _) = reader.read_records(rows - values.len(), Some(&mut levels), None, &mut values)?;
        if read == 0 {
            return Err(Error::Columns(format!("an event has no {}", column.column_path().string())));
        }
    }
    Ok(values)
}
