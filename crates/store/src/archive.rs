//! Archives: where they are, their sealed credentials, and what each holds: its position, which moves only when
//! `crates/deliver` says that the objects are written.

use jiff::Timestamp;
use secrecy::SecretString;

use crate::db::{Row, Tx};
use crate::schema::{Cell, Kind, storable};
use crate::seal::{MasterKey, Sealed};
use crate::{Error, Lease, Result, Store};

/// A place that sealed events are written to.
#[derive(Debug, Clone)]
pub struct Archive {
    /// Stable identity (UUID).
    pub id: String,
    /// Unique without regard to case.
    pub name: String,
    /// Where it is: a folder or an object store, without any secret.
    pub url: String,
    /// How it is laid out, as JSON.
    pub settings: String,
    /// A credential was given with it; without one, the environment has it.
    pub has_credential: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// How its runs went.
    pub state: ArchiveState,
}

/// How an archive's runs went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArchiveState {
    /// Start of the newest run.
    pub last_run_at: Option<Timestamp>,
    /// Start of the newest run that wrote all there was to write.
    pub last_success_at: Option<Timestamp>,
    /// Since when runs fail.
    pub failing_since: Option<Timestamp>,
    /// How many runs in a row have failed.
    pub failures: i64,
    /// Stable code of the newest failure.
    pub failure_code: Option<String>,
    /// The newest failure in words.
    pub failure: Option<String>,
}

/// Which part of an archive: a day of an organization, or an hour of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitKey {
    /// The organization.
    pub org_id: String,
    /// Days since 1970, in UTC.
    pub day: i64,
    /// The hour of that day, 0 to 23; `None` for the whole day.
    pub hour: Option<u8>,
}

/// What an archive holds of a day or an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedUnit {
    /// Which.
    pub key: UnitKey,
    /// The hours of the day whose windows were sealed when it was written: bit 0 is the first.
    pub hours: u32,
    /// A hash over those windows, as [`crate::events::Window::identities`] names them; empty while it is being written.
    pub windows: String,
    /// How many events it holds.
    pub events: u64,
    /// The version of the mapping that it was written with.
    pub mapping: u32,
    /// When it was written last; `None` if it never was to its end.
    pub written_at: Option<Timestamp>,
}

/// One object of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedObject {
    /// The unit that it belongs to.
    pub key: UnitKey,
    /// The OCSF class of its events.
    pub class_uid: u16,
    /// Its name within the archive.
    pub path: String,
    /// How many events it holds.
    pub events: u64,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

impl UnitKey {
    fn hour_number(&self) -> i64 {
        self.hour.map_or(WHOLE_DAY, i64::from)
    }

    fn cells(&self, archive_id: &str) -> Vec<Cell> {
        vec![archive_id.into(), self.org_id.as_str().into(), self.day.into(), self.hour_number().into()]
    }

    fn of(row: &Row, at: usize) -> Self {
        Self { org_id: row.text(at), day: row.integer(at + 1), hour: u8::try_from(row.integer(at + 2)).ok() }
    }
}

/// `archive_unit.hour` of a whole day.
const WHOLE_DAY: i64 = -1;

const COLUMNS: &str = "id, name, url, settings, credential_sealed, created_at, last_run_at, last_success_at,
    failing_since, failures, failure_code, failure";

impl Store {
    /// Adds an archive, with its credential if it has one of its own.
    ///
    /// # Errors
    /// [`Error::Refused`] when the name is taken.
    pub async fn add_archive(
        &self,
        archive: &Archive,
        credential: Option<&SecretString>,
        key: &MasterKey,
    ) -> Result<()> {
        let sealed = credential.map(|secret| key.seal(&archive.id, &archive.url, secret)).transpose()?;
        let added = self
            .db
            .execute(
                "INSERT INTO archive (id, name, name_key, url, settings, credential_sealed, created_at, failures)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, 0) ON CONFLICT DO NOTHING",
                vec![
                    archive.id.as_str().into(),
                    archive.name.as_str().into(),
                    archive.name.to_lowercase().into(),
                    archive.url.as_str().into(),
                    archive.settings.as_str().into(),
                    sealed.map_or(Cell::Null(Kind::Text), |sealed| sealed.0.into()),
                    archive.created_at.into(),
                ],
            )
            .await?;
        match added {
            0 => Err(Error::Refused(format!("there is an archive named {:?} already", archive.name))),
            _ => Ok(()),
        }
    }

    /// All archives, by name.
    pub async fn archives(&self) -> Result<Vec<Archive>> {
        let sql = format!("SELECT {COLUMNS} FROM archive ORDER BY name_key");
        Ok(self.db.fetch(&sql, vec![]).await?.iter().map(Archive::of).collect())
    }

    /// The archive of that name, in any case of its letters.
    pub async fn find_archive(&self, name: &str) -> Result<Option<Archive>> {
        let sql = format!("SELECT {COLUMNS} FROM archive WHERE name_key = $1");
        Ok(self.db.fetch(&sql, vec![name.to_lowercase().into()]).await?.first().map(Archive::of))
    }

    /// An archive's credential, if it has one of its own.
    ///
    /// # Errors
    /// [`Error::Seal`] when it was sealed with another key or for another place.
    pub async fn archive_credential(&self, archive: &Archive, key: &MasterKey) -> Result<Option<SecretString>> {
        let rows = self
            .db
            .fetch("SELECT credential_sealed FROM archive WHERE id = $1", vec![archive.id.as_str().into()])
            .await?;
        let sealed = rows.first().and_then(|row| row.maybe_text(0)).map(Sealed);
        sealed.map(|sealed| key.open(&archive.id, &archive.url, &sealed)).transpose()
    }

    /// Forgets an archive and what it holds. Its objects stay where they are.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when another process has taken over.
    pub async fn remove_archive(&self, archive: &Archive, lease: &Lease, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        lease.check(&mut tx, Some(now)).await?;
        tx.execute("DELETE FROM archive WHERE id = $1", vec![archive.id.as_str().into()]).await?;
        for table in ["archive_unit", "archive_object"] {
            let sql = format!("DELETE FROM {table} WHERE archive_id = $1");
            tx.execute(&sql, vec![archive.id.as_str().into()]).await?;
        }
        tx.commit().await
    }

    /// Notes how a run of an archive went: nothing, or a stable code and the failure in words.
    pub async fn note_archive_run(
        &self,
        archive_id: &str,
        begun: Timestamp,
        failure: Option<(&str, &str)>,
    ) -> Result<()> {
        match failure {
            None => {
                self.db
                    .execute(
                        "UPDATE archive SET last_run_at = $2, last_success_at = $2, failing_since = NULL, failures = 0,
                           failure_code = NULL, failure = NULL WHERE id = $1",
                        vec![archive_id.into(), begun.into()],
                    )
                    .await?
            }
            Some((code, words)) => {
                self.db
                    .execute(
                        "UPDATE archive SET last_run_at = $2, failing_since = COALESCE(failing_since, $2),
                           failures = failures + 1, failure_code = $3, failure = $4 WHERE id = $1",
                        vec![archive_id.into(), begun.into(), code.into(), storable(words).into()],
                    )
                    .await?
            }
        };
        Ok(())
    }

    /// What an archive holds, of one organization or of all, in order.
    pub async fn archived_units(&self, archive_id: &str, org_id: Option<&str>) -> Result<Vec<ArchivedUnit>> {
        let (only, args) = of_organization(archive_id, org_id);
        let sql = format!(
            "SELECT org_id, day, hour, hours, windows, events, mapping, written_at FROM archive_unit
             WHERE archive_id = $1{only} ORDER BY org_id, day, hour"
        );
        Ok(self.db.fetch(&sql, args).await?.iter().map(ArchivedUnit::of).collect())
    }

    /// The objects of an archive, of one organization or of all, in order.
    pub async fn archived_objects(&self, archive_id: &str, org_id: Option<&str>) -> Result<Vec<ArchivedObject>> {
        let (only, args) = of_organization(archive_id, org_id);
        let sql = format!(
            "SELECT org_id, day, hour, class_uid, path, events, bytes, sha256 FROM archive_object
             WHERE archive_id = $1{only} ORDER BY org_id, day, hour, class_uid"
        );
        Ok(self.db.fetch(&sql, args).await?.iter().map(ArchivedObject::of).collect())
    }

    /// Notes that a unit's objects are about to be written or removed, so that a run that is cut short is known.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when another process has taken over.
    pub async fn begin_archiving(&self, archive_id: &str, key: &UnitKey, lease: &Lease, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        lease.check(&mut tx, Some(now)).await?;
        tx.execute(
            "INSERT INTO archive_unit (archive_id, org_id, day, hour, hours, windows, events, mapping)
             VALUES ($1, $2, $3, $4, 0, '', 0, 0)
             ON CONFLICT (archive_id, org_id, day, hour) DO UPDATE SET windows = ''",
            key.cells(archive_id),
        )
        .await?;
        tx.commit().await
    }

    /// Moves the position: a unit is written, and these are its objects.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when another process has taken over.
    pub async fn archived(
        &self,
        archive_id: &str,
        unit: &ArchivedUnit,
        objects: &[ArchivedObject],
        lease: &Lease,
        now: Timestamp,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        lease.check(&mut tx, Some(now)).await?;
        tx.execute(
            "UPDATE archive_unit SET hours = $5, windows = $6, events = $7, mapping = $8, written_at = $9
             WHERE archive_id = $1 AND org_id = $2 AND day = $3 AND hour = $4",
            [
                unit.key.cells(archive_id),
                vec![
                    i64::from(unit.hours).into(),
                    unit.windows.as_str().into(),
                    unit.events.into(),
                    i64::from(unit.mapping).into(),
                    unit.written_at.into(),
                ],
            ]
            .concat(),
        )
        .await?;
        forget_objects(&mut tx, archive_id, &unit.key).await?;
        for object in objects {
            tx.execute(
                "INSERT INTO archive_object (archive_id, org_id, day, hour, class_uid, path, events, bytes, sha256)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                [
                    unit.key.cells(archive_id),
                    vec![
                        i64::from(object.class_uid).into(),
                        object.path.as_str().into(),
                        object.events.into(),
                        object.bytes.into(),
                        object.sha256.as_str().into(),
                    ],
                ]
                .concat(),
            )
            .await?;
        }
        tx.commit().await
    }

    /// Notes that a unit and its objects are gone.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when another process has taken over.
    pub async fn unarchived(&self, archive_id: &str, key: &UnitKey, lease: &Lease, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        lease.check(&mut tx, Some(now)).await?;
        tx.execute(
            "DELETE FROM archive_unit WHERE archive_id = $1 AND org_id = $2 AND day = $3 AND hour = $4",
            key.cells(archive_id),
        )
        .await?;
        forget_objects(&mut tx, archive_id, key).await?;
        tx.commit().await
    }
}

/// A condition on the organization, and the arguments of the statement.
fn of_organization(archive_id: &str, org_id: Option<&str>) -> (&'static str, Vec<Cell>) {
    match org_id {
        Some(org_id) => (" AND org_id = $2", vec![archive_id.into(), org_id.into()]),
        None => ("", vec![archive_id.into()]),
    }
}

async fn forget_objects(tx: &mut Tx, archive_id: &str, key: &UnitKey) -> Result<()> {
    tx.execute(
        "DELETE FROM archive_object WHERE archive_id = $1 AND org_id = $2 AND day = $3 AND hour = $4",
        key.cells(archive_id),
    )
    .await?;
    Ok(())
}

impl Archive {
    fn of(row: &Row) -> Self {
        Self {
            id: row.text(0),
            name: row.text(1),
            url: row.text(2),
            settings: row.text(3),
            has_credential: row.maybe_text(4).is_some(),
            created_at: row.maybe_time(5).unwrap_or(Timestamp::UNIX_EPOCH),
            state: ArchiveState {
                last_run_at: row.maybe_time(6),
                last_success_at: row.maybe_time(7),
                failing_since: row.maybe_time(8),
                failures: row.integer(9),
                failure_code: row.maybe_text(10),
                failure: row.maybe_text(11),
            },
        }
    }
}

impl ArchivedUnit {
    fn of(row: &Row) -> Self {
        Self {
            key: UnitKey::of(row, 0),
            hours: u32::try_from(row.integer(3)).unwrap_or(0),
            windows: row.text(4),
            events: u64::try_from(row.integer(5)).unwrap_or(0),
            mapping: u32::try_from(row.integer(6)).unwrap_or(0),
            written_at: row.maybe_time(7),
        }
    }
}

impl ArchivedObject {
    fn of(row: &Row) -> Self {
        Self {
            key: UnitKey::of(row, 0),
            class_uid: u16::try_from(row.integer(3)).unwrap_or(0),
            path: row.text(4),
            events: u64::try_from(row.integer(5)).unwrap_or(0),
            bytes: u64::try_from(row.integer(6)).unwrap_or(0),
            sha256: row.text(7),
        }
    }
}
