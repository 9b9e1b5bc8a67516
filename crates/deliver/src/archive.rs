//! An archive, opened: who holds the right to write it, what its runs do, in which order.
//!
//! A unit (a day, or an hour of a large one) is written in this order: it is noted that it is being written; its events are
//! read and become objects, which nobody sees yet; what was read is held against the sealed windows; the objects take
//! their places; objects of classes that no longer occur are removed; and then, in one transaction, the position moves.
//! Cut short anywhere, the next run does the whole unit again, under the same names.

use std::collections::BTreeMap;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use ocsf::{MAPPING_VERSION, Mapper, Received};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use store::events::{Hour, StoredEvent, Window};
use store::{Archive, ArchivedObject, ArchivedUnit, Lease, LeaseHolder, Store, UnitKey};
use tokio_util::sync::CancellationToken;

use crate::file::{EventFile, GROUP_BYTES};
use crate::layout::{Layout, Settings};
use crate::older::to_ocsf_1_1_0;
use crate::place::{Access, Place, PlaceUrl, Upload};
use crate::plan::{Plan, Unit, When, plan};
use crate::{Error, Result};

/// An archive with its settings and place.
#[derive(Debug, Clone)]
pub struct Archiver {
    pub(crate) store: Store,
    pub(crate) archive: Archive,
    pub(crate) settings: Settings,
    pub(crate) place: Place,
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Days and hours that were written.
    pub units: u64,
    /// Objects that were written.
    pub objects: u64,
    /// Objects that were removed.
    pub removed: u64,
    /// Events that are in the written objects.
    pub events: u64,
    /// Bytes of the written objects.
    pub bytes: u64,
    /// Days that wait until more of them is proven.
    pub waiting: u64,
    /// What could not be written, and why; the rest was.
    pub problems: Vec<String>,
    /// It was told to stop before the end.
    pub is_stopped: bool,
}

/// How a run is made.
#[derive(Debug, Clone, Copy)]
pub struct RunOptions {
    /// How eager it is.
    pub when: When,
    /// Write also what has not changed, as after a better mapping.
    pub again: bool,
}

/// Events that are read at once.
const BATCH: usize = 1_000;

/// Takes the right to write an archive, or to remove it.
///
/// # Errors
/// Somebody else has it.
pub async fn take_lease(store: &Store, archive: &Archive, holder: &LeaseHolder, now: Timestamp) -> Result<Lease> {
    let what = format!("the archive {:?}", archive.name);
    Ok(store.take_lease(&format!("archive {}", archive.id), &what, holder, now).await?)
}

impl Archiver {
    /// Opens an archive. Nothing is asked of its place yet.
    ///
    /// # Errors
    /// Its settings can not be read, or its folder is not there.
    pub fn open(store: &Store, archive: &Archive, credential: Option<&SecretString>, access: &Access) -> Result<Self> {
        let settings = Settings::parse(&archive.settings)?;
        let url = PlaceUrl::parse(&archive.url, std::path::Path::new("/"))?;
        let place = Place::open(&url, &settings.options(), credential, access)?;
        Ok(Self { store: store.clone(), archive: archive.clone(), settings, place })
    }

    /// The same archive in another place: for tests.
    #[must_use]
    pub fn with_place(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// Tries to write, read, list and remove an object there.
    ///
    /// # Errors
    /// One of these is not possible.
    pub async fn test(&self) -> Result<()> {
        const NAME: &str = "jumpseat-test";
        const TEXT: &[u8] = b"Jumpseat has tried whether it can write here. This can be removed.\n";
        let mut upload = self.place.write(NAME)?;
        upload.put(Bytes::from_static(TEXT)).await?;
        upload.finish().await?;
        let mut found = Vec::new();
        self.place
            .read(NAME, |piece| {
                found.extend_from_slice(piece);
                Ok(())
            })
            .await?;
        if found != TEXT {
            return Err(Error::Place(format!("{} does not give back what was written to it", self.archive.url)));
        }
        if let Some(folder) = self.settings.layout.folders().first() {
            self.place.list(folder).await?;
        }
        self.place.remove(NAME).await
    }

    /// Writes what is to be written. One organization's failure is its own; one of the place ends the run, and what was
    /// written until then stays and counts.
    ///
    /// # Errors
    /// The place or the store failed, or another process has taken over.
    pub async fn run(
        &self,
        options: RunOptions,
        holder: &LeaseHolder,
        clock: impl Fn() -> Timestamp,
        stop: &CancellationToken,
    ) -> Result<Report> {
        let begun = clock();
        let lease = take_lease(&self.store, &self.archive, holder, begun).await?;
        let mut report = Report::default();
        let done = self.run_all(options, &lease, &clock, stop, &mut report).await;
        let failure = match &done {
            Ok(()) => report.problems.first().map(|problem| ("changed", problem.clone())),
            Err(error) => Some((error.code(), error.to_string())),
        };
        let failure = failure.as_ref().map(|(code, words)| (*code, words.as_str()));
        // What ended the run is told before a failure to note it. One that was stopped says nothing of the archive.
        let noted = match report.is_stopped {
            true => Ok(()),
            false => self.store.note_archive_run(&self.archive.id, begun, failure).await,
        };
        let released = self.store.release_lease(lease).await;
        done?;
        noted?;
        released?;
        Ok(report)
    }

    async fn run_all(
        &self,
        options: RunOptions,
        lease: &Lease,
        clock: &impl Fn() -> Timestamp,
        stop: &CancellationToken,
        report: &mut Report,
    ) -> Result<()> {
        for (org_id, kept_from) in self.organizations().await? {
            let plan = self.plan(&org_id, kept_from, options.when, options.again, clock()).await?;
            report.waiting += plan.waiting;
            for unit in &plan.write {
                if stop.is_cancelled() {
                    report.is_stopped = true;
                    return Ok(());
                }
                match self.write_unit(unit, lease, clock, report).await {
                    // The next run sees what it has become; the other days are written all the same.
                    Err(Error::Changed(what)) => report.problems.push(what),
                    done => done?,
                }
            }
            if report.problems.is_empty() {
                for key in &plan.remove {
                    self.remove_unit(key, lease, clock, report).await?;
                }
            }
        }
        Ok(())
    }

    /// The organizations that are archived, each with the first hour that is still stored.
    pub(crate) async fn organizations(&self) -> Result<Vec<(String, Hour)>> {
        let mut organizations = self.store.organizations_with_events().await?;
        let only = &self.settings.organizations;
        organizations.retain(|(org_id, _)| only.is_empty() || only.contains(org_id));
        Ok(organizations)
    }

    pub(crate) async fn plan(
        &self,
        org_id: &str,
        kept_from: Hour,
        when: When,
        again: bool,
        now: Timestamp,
    ) -> Result<Plan> {
        // A day that the retention has cut is seen whole, so that what is archived of it is known to be more.
        let from = Hour::from_number(kept_from.number().div_euclid(24).saturating_mul(24));
        let windows = self.store.event_windows(org_id, from, Hour::of(now).next()).await?;
        let held = self.store.archived_units(&self.archive.id, Some(org_id)).await?;
        Ok(plan(org_id, &windows, &held, when, again, now))
    }

    async fn write_unit(
        &self,
        unit: &Unit,
        lease: &Lease,
        clock: &impl Fn() -> Timestamp,
        report: &mut Report,
    ) -> Result<()> {
        let held = self.store.archived_units(&self.archive.id, Some(&unit.key.org_id)).await?;
        let was_cut_short = held.iter().any(|known| known.key == unit.key && known.windows.is_empty());
        self.store.begin_archiving(&self.archive.id, &unit.key, lease, clock()).await?;
        if was_cut_short {
            for class in ocsf::Class::ALL {
                self.place.sweep(&self.settings.layout.path(&unit.key, class.uid)).await?;
            }
        }
        let mut objects = Objects { archiver: self, key: &unit.key, open: BTreeMap::new() };
        if let Err(error) = objects.fill(unit, lease, clock).await {
            objects.abort().await;
            return Err(error);
        }
        let written = objects.finish().await?;
        let stale = self.remove_others(&unit.key, &written, was_cut_short).await?;
        let now = clock();
        let archived = ArchivedUnit {
            key: unit.key.clone(),
            hours: unit.hours,
            windows: unit.fingerprint.clone(),
            events: written.iter().map(|object| object.events).sum(),
            mapping: MAPPING_VERSION,
            written_at: Some(now),
        };
        self.store.archived(&self.archive.id, &archived, &written, lease, now).await?;
        report.units += 1;
        report.objects += written.len() as u64;
        report.removed += stale;
        report.events += archived.events;
        report.bytes += written.iter().map(|object| object.bytes).sum::<u64>();
        Ok(())
    }

    /// Removes the objects of a unit that are not among these: those that are known, and every one that there could be if
    /// the writing was cut short before.
    async fn remove_others(&self, key: &UnitKey, written: &[ArchivedObject], was_cut_short: bool) -> Result<u64> {
        let mut stale: Vec<String> = Vec::new();
        for object in self.store.archived_objects(&self.archive.id, Some(&key.org_id)).await? {
            if object.key == *key {
                stale.push(object.path);
            }
        }
        if was_cut_short {
            stale.extend(ocsf::Class::ALL.iter().map(|class| self.settings.layout.path(key, class.uid)));
        }
        stale.sort_unstable();
        stale.dedup();
        stale.retain(|path| written.iter().all(|object| object.path != *path));
        for path in &stale {
            self.place.remove(path).await?;
        }
        Ok(stale.len() as u64)
    }

    async fn remove_unit(
        &self,
        key: &UnitKey,
        lease: &Lease,
        clock: &impl Fn() -> Timestamp,
        report: &mut Report,
    ) -> Result<()> {
        self.store.begin_archiving(&self.archive.id, key, lease, clock()).await?;
        report.removed += self.remove_others(key, &[], false).await?;
        Ok(self.store.unarchived(&self.archive.id, key, lease, clock()).await?)
    }
}

/// The objects of a unit being written, by class.
struct Objects<'a> {
    archiver: &'a Archiver,
    key: &'a UnitKey,
    open: BTreeMap<u16, Object>,
}

struct Object {
    path: String,
    file: EventFile,
    upload: Upload,
    sha: Sha256,
    bytes: u64,
}

impl Objects<'_> {
    /// Reads all events of a unit into its objects, hour by hour, and holds each hour against its window.
    async fn fill(&mut self, unit: &Unit, lease: &Lease, clock: &impl Fn() -> Timestamp) -> Result<()> {
        let store = &self.archiver.store;
        let mut mapper = Mapper::new();
        let mut line = Vec::new();
        for window in &unit.windows {
            let mut proof = Proof::default();
            if window.stored > 0
                && let Some(mut reader) = store.event_reader(&unit.key.org_id, window.hour, window.hour.next()).await?
            {
                let mut read = 0_usize;
                loop {
                    let events = reader.next(BATCH).await?;
                    if events.is_empty() {
                        break;
                    }
                    for event in &events {
                        self.add(event, &mut mapper, &mut line, &mut proof)?;
                    }
                    self.send().await?;
                    read += events.len();
                    if read.is_multiple_of(50 * BATCH) {
                        store.keep_lease(lease, clock()).await?;
                    }
                }
            }
            store.keep_lease(lease, clock()).await?;
            if let Some(difference) = proof.difference(window) {
                return Err(Error::Changed(format!(
                    "organization {}, hour {}: {difference}; its day is written by the next run, when the window is sealed again",
                    unit.key.org_id, window.hour
                )));
            }
        }
        Ok(())
    }

    fn add(&mut self, event: &StoredEvent, mapper: &mut Mapper, line: &mut Vec<u8>, proof: &mut Proof) -> Result<()> {
        let raw = event.raw.as_deref().unwrap_or_default();
        let received = received(event, !self.archiver.settings.without_raw);
        let mapped = mapper.read(raw);
        proof.add(*mapped.uid(&received).as_bytes());
        line.clear();
        mapped.write_ocsf(&received, line);
        match self.archiver.settings.layout {
            Layout::Hive => self.object(mapped.facts().class_uid)?.file.push(line)?,
            Layout::SecurityLake { .. } => {
                let (class_uid, line) = to_ocsf_1_1_0(line)?;
                self.object(class_uid)?.file.push(&line)?;
            }
        }
        // All classes together hold no more than a row group. Looked at after each event, so that it depends on nothing else.
        let held: usize = self.open.values().map(|object| object.file.held()).sum();
        match self.open.values_mut().max_by_key(|object| object.file.held()) {
            Some(largest) if held >= GROUP_BYTES => largest.file.end_group(),
            _ => Ok(()),
        }
    }

    fn object(&mut self, class_uid: u16) -> Result<&mut Object> {
        use std::collections::btree_map::Entry;
        let layout = &self.archiver.settings.layout;
        match self.open.entry(class_uid) {
            Entry::Occupied(open) => Ok(open.into_mut()),
            Entry::Vacant(free) => {
                let path = layout.path(self.key, class_uid);
                let upload = self.archiver.place.write(&path)?;
                let file = EventFile::new(layout.shape(class_uid))?;
                Ok(free.insert(Object { path, file, upload, sha: Sha256::new(), bytes: 0 }))
            }
        }
    }

    /// Hands on what the files have ready.
    async fn send(&mut self) -> Result<()> {
        for object in self.open.values_mut() {
            let ready = object.file.take();
            object.send(ready).await?;
        }
        Ok(())
    }

    /// Has all objects take their places. What was not there before this is there after it, or the next run does it again.
    async fn finish(mut self) -> Result<Vec<ArchivedObject>> {
        let mut written = Vec::with_capacity(self.open.len());
        while let Some((class_uid, object)) = self.open.pop_first() {
            match object.finish(self.key, class_uid).await {
                Ok(object) => written.push(object),
                Err(error) => {
                    self.abort().await;
                    return Err(error);
                }
            }
        }
        Ok(written)
    }

    async fn abort(self) {
        for object in self.open.into_values() {
            object.upload.abort().await;
        }
    }
}

impl Object {
    async fn send(&mut self, ready: Vec<u8>) -> Result<()> {
        if ready.is_empty() {
            return Ok(());
        }
        self.sha.update(&ready);
        self.bytes += ready.len() as u64;
        self.upload.put(Bytes::from(ready)).await
    }

    async fn finish(self, key: &UnitKey, class_uid: u16) -> Result<ArchivedObject> {
        let Self { path, file, mut upload, mut sha, mut bytes } = self;
        let events = file.events();
        let last = file.finish()?;
        sha.update(&last);
        bytes += last.len() as u64;
        upload.put(Bytes::from(last)).await?;
        upload.finish().await?;
        Ok(ArchivedObject {
            key: key.clone(),
            class_uid,
            path,
            events,
            bytes,
            sha256: HEXLOWER.encode(&sha.finalize()),
        })
    }
}

/// How an event of the store reached it, for mapping it to the same OCSF event every time. One without a time of its own
/// is given the one under which it is filed.
pub fn received(event: &StoredEvent, with_raw: bool) -> Received<'_> {
    Received { organization: Some(&event.org_id), with_raw, ..Received::at(event.time_ms) }
}

/// The identities of an hour's events, to be held against the ledger.
#[derive(Debug, Default)]
pub(crate) struct Proof(Vec<[u8; 16]>);

impl Proof {
    pub(crate) fn add(&mut self, uid: [u8; 16]) {
        self.0.push(uid);
    }

    /// What differs from a sealed window; nothing if the same events are there, each once.
    pub(crate) fn difference(mut self, window: &Window) -> Option<String> {
        let found = self.0.len() as u64;
        if found != window.stored {
            return Some(format!("the ledger has {} events, and there are {found}", window.stored));
        }
        self.0.sort_unstable();
        let mut sha = Sha256::new();
        for uid in &self.0 {
            sha.update(uid);
        }
        let found = HEXLOWER.encode(&sha.finalize());
        (window.identities.as_ref() != Some(&found))
            .then(|| format!("there are as many events as in the ledger, {}, but not the same ones", window.stored))
    }
}
