//! A run of checks: every organization at one snapshot, one check after the other, and, where it is to be kept, what that
//! means for the lives of findings.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{FuturesOrdered, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use store::findings::{
    CheckOutcome, CheckResult, FindingChange, FindingRow, KnownFinding, Muted, PostureRun, Seen, Severity,
};
use store::{Error, Lease, LeaseHolder, Result, SnapshotInfo, Store};
use tokio::sync::mpsc;

use crate::check::{Check, severity_of_coverage};
use crate::content::Library;
use crate::derived;
use crate::evaluate::{Evaluated, Judged, Row, evaluate};
use crate::lives;
use crate::parameters::ParameterSet;
use crate::readiness::{Readiness, Shortfall};
use crate::settings::Settings;

/// Runs checks.
#[derive(Clone)]
pub struct Posture {
    /// What was collected, and where findings are kept.
    pub store: Store,
    /// The checks.
    pub library: Arc<Library>,
    /// What the user has set.
    pub settings: Arc<Settings>,
    /// This process, for leases.
    pub holder: LeaseHolder,
    /// The time.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// These checks.
    pub checks: Vec<&'a Check>,
    /// Only these organizations; all, if `None`.
    pub org_ids: Option<Vec<String>>,
    /// On what was collected by then; now, if `None`. The past is never recorded.
    pub as_of: Option<Timestamp>,
    /// Who asks.
    pub started_by: String,
    /// What becomes of the outcomes.
    pub mode: Mode,
}

/// What becomes of the outcomes of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are told, nothing is kept.
    Show,
    /// They are merged into the lives of findings, and what fails is told.
    Record,
    /// They are merged into the lives of findings, and all of them are told.
    RecordAndShow,
}

/// An organization and the names that people know it by.
#[derive(Debug, Clone)]
pub struct Organization {
    /// The organization.
    pub org_id: String,
    /// Its id, its name, and the names of its connections.
    pub names: Vec<String>,
}

/// What a run says of one organization.
#[derive(Debug, Clone)]
pub struct OrganizationReport {
    /// The organization.
    pub organization: Organization,
    /// The snapshot that was looked at.
    pub snapshot: SnapshotInfo,
    /// Each check's numbers, by its id.
    pub results: BTreeMap<String, CheckResult>,
    /// Why it was not recorded although it was to be.
    pub not_recorded: Option<String>,
}

impl std::fmt::Debug for Posture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Posture").field("holder", &self.holder).finish_non_exhaustive()
    }
}

/// One organization during a run.
struct Place {
    organization: Organization,
    snapshot: SnapshotInfo,
    readiness: Readiness,
    /// Held while its findings are written.
    record: Option<(PostureRun, Lease)>,
    not_recorded: Option<String>,
}

/// What was settled of one organization so far.
struct Settled {
    results: BTreeMap<String, CheckResult>,
    /// When the lease was renewed.
    alive_at: Timestamp,
}

/// One check over some organizations, which have the same parameters.
struct Asked<'a> {
    check: &'a Check,
    parameters: ParameterSet,
    /// Where among the places.
    members: Vec<usize>,
}

/// How one check has ended, and what it gathered of each organization.
type Ran = (std::result::Result<Evaluated, String>, BTreeMap<String, Gathered>);

/// The name of the lease under which the checks of an organization run.
pub fn lease_name(org_id: &str) -> String {
    format!("posture {org_id}")
}

/// How many checks are evaluated at once: SQLite works on each in a thread of its own.
const AT_ONCE: usize = 2;

/// How often a run shows that it is alive.
const HEARTBEAT: SignedDuration = SignedDuration::from_secs(15);

/// What one check gathers of one organization.
struct Gathered {
    result: CheckResult,
    shortfall: Option<Shortfall>,
    /// Findings whose things were not met yet.
    known: HashMap<String, KnownFinding>,
    changes: Vec<FindingChange>,
    muted: Vec<Muted>,
    unmuted: Vec<i64>,
    record: bool,
    snapshot: i64,
    names: Vec<String>,
}

impl Posture {
    /// The organizations that were collected, with their names.
    pub async fn organizations(&self) -> Result<Vec<Organization>> {
        let connections = self.store.connections().await?;
        let snapshots = self.store.snapshots_held(None, None).await?;
        Ok(snapshots
            .into_iter()
            .map(|snapshot| {
                let of = connections.iter().filter(|connection| connection.org_id.as_ref() == Some(&snapshot.org_id));
                let mut names = Vec::new();
                for connection in of {
                    names.push(connection.name.clone());
                    names.extend(connection.org_name.clone());
                }
                names.push(snapshot.org_id.clone());
                names.dedup();
                Organization { org_id: snapshot.org_id, names }
            })
            .collect())
    }

    /// Runs checks. `each` gets every row that a query gives, with the names of its evidence; in an organization where
    /// something that the check reads is missing, each row is unknown. With [`Mode::Record`] it gets what fails and perhaps
    /// more, and the rows of several checks may come mixed.
    ///
    /// # Errors
    /// The store fails. A check that can not be run is no error: its numbers say why.
    pub async fn run(
        &self,
        request: &Request<'_>,
        mut each: impl FnMut(&Check, &Row, &[String]),
    ) -> Result<Vec<OrganizationReport>> {
        let started = (self.clock)();
        let now = request.as_of.unwrap_or(started);
        let places = self.places(request, started).await?;
        let mut asked = Vec::new();
        // What could not be kept is of no use where only that is wanted.
        let is_wanted = |place: &Place| request.mode != Mode::Record || place.not_recorded.is_none();
        for check in &request.checks {
            asked.extend(self.by_parameters(check, &places, is_wanted));
        }
        // What is kept needs the rows that fail, and of the others only that they are there; who looks wants to see all of
        // them, one check after the other.
        let is_shown = request.mode != Mode::Record;
        let each = Mutex::new(&mut each);
        let (done, mut to_settle) = mpsc::channel(AT_ONCE);
        // The next checks are evaluated while what came before is written, which goes by their order.
        let evaluating = async {
            let done = done;
            let at_once = if is_shown { 1 } else { AT_ONCE };
            let mut waiting = asked.iter();
            let mut running = FuturesOrdered::new();
            loop {
                for asked in waiting.by_ref().take(at_once - running.len()) {
                    running.push_back(self.ran(asked, &places, now, is_shown, &each));
                }
                let Some(ran) = running.try_next().await? else { break };
                if done.send(ran).await.is_err() {
                    break;
                }
            }
            Ok::<_, Error>(())
        };
        let settling = async {
            let mut settled: Vec<Settled> =
                places.iter().map(|_| Settled { results: BTreeMap::new(), alive_at: started }).collect();
            for Asked { check, members, .. } in &asked {
                let Some((ran, mut gathered)) = to_settle.recv().await else { break };
                for number in members {
                    let place = &places[*number];
                    let Some(gathered) = gathered.remove(&place.organization.org_id) else { continue };
                    let unusable = match &ran {
                        Err(why) => Some(why.clone()),
                        Ok(evaluated) => evaluated.unusable.get(&place.organization.org_id).cloned(),
                    };
                    self.settle(check, place, gathered, unusable, &mut settled[*number]).await?;
                }
            }
            Ok(settled)
        };
        let ((), settled) = futures::try_join!(evaluating, settling)?;
        drop(asked);
        let mut reports = Vec::with_capacity(places.len());
        for (place, settled) in places.into_iter().zip(settled) {
            reports.push(self.finish(place, settled.results).await?);
        }
        Ok(reports)
    }

    /// Runs one check.
    async fn ran(
        &self,
        asked: &Asked<'_>,
        places: &[Place],
        now: Timestamp,
        is_shown: bool,
        each: &Mutex<&mut impl FnMut(&Check, &Row, &[String])>,
    ) -> Result<Ran> {
        let Asked { check, parameters, members } = asked;
        let mut gathered = BTreeMap::new();
        for number in members {
            let place = &places[*number];
            gathered.insert(place.organization.org_id.clone(), self.gather(check, place, parameters).await?);
        }
        let at = members.iter().map(|number| places[*number].at()).collect();
        let ran = evaluate(&self.store, check, parameters, at, now, is_shown, |judged| match judged {
            Judged::Counted { org_id, id, outcome } => {
                if let Some(gathered) = gathered.get_mut(org_id) {
                    gathered.count(id, outcome);
                }
            }
            Judged::Told(mut row, columns) => {
                let Some(gathered) = gathered.get_mut(&row.org_id) else { return };
                gathered.take(check, &mut row, columns, &self.settings, now);
                let mut each = each.lock().unwrap_or_else(PoisonError::into_inner);
                each(check, &row, columns);
            }
        })
        .await;
        Ok((ran, gathered))
    }

    /// The organizations of a request, each with its snapshot and, if it is to be recorded, its lease.
    async fn places(&self, request: &Request<'_>, now: Timestamp) -> Result<Vec<Place>> {
        let organizations = self.organizations().await?;
        let mut places = Vec::new();
        for snapshot in self.store.snapshots_held(request.as_of, None).await? {
            if request.org_ids.as_ref().is_some_and(|wanted| !wanted.contains(&snapshot.org_id)) {
                continue;
            }
            let known = organizations.iter().find(|organization| organization.org_id == snapshot.org_id);
            let organization = known.cloned().unwrap_or_else(|| Organization {
                org_id: snapshot.org_id.clone(),
                names: vec![snapshot.org_id.clone()],
            });
            let (mut record, mut not_recorded) = (None, None);
            if request.as_of.is_none() {
                match self.prepare(request, &snapshot, now).await {
                    Ok(begun) => record = begun,
                    Err(error @ Error::Held { .. }) => not_recorded = Some(error.to_string()),
                    Err(error) => return Err(error),
                }
            }
            // After the derived tables were made, since they are part of it.
            let readiness = Readiness::of(&self.store, &snapshot).await?;
            places.push(Place { organization, snapshot, readiness, record, not_recorded });
        }
        Ok(places)
    }

    /// Makes the derived tables and begins the run.
    async fn prepare(
        &self,
        request: &Request<'_>,
        snapshot: &SnapshotInfo,
        now: Timestamp,
    ) -> Result<Option<(PostureRun, Lease)>> {
        let name = lease_name(&snapshot.org_id);
        let lease = self.store.take_lease(&name, "the run of the checks", &self.holder, now).await?;
        derived::derive(&self.store, snapshot, &lease, now).await?;
        if request.mode == Mode::Show {
            self.store.release_lease(lease).await?;
            return Ok(None);
        }
        let count = request.checks.len() as u64;
        let run = self
            .store
            .begin_posture_run(&snapshot.org_id, snapshot.number, count, &request.started_by, &lease, now)
            .await?;
        Ok(Some((run, lease)))
    }

    /// Organizations with the same parameters are asked together.
    fn by_parameters<'a>(
        &self,
        check: &'a Check,
        places: &[Place],
        is_wanted: impl Fn(&Place) -> bool,
    ) -> Vec<Asked<'a>> {
        let mut groups: Vec<Asked<'a>> = Vec::new();
        for (number, place) in places.iter().enumerate().filter(|(_, place)| is_wanted(place)) {
            let parameters = self.settings.parameters(check, &place.organization.names);
            match groups.iter_mut().find(|other| other.parameters == parameters) {
                Some(group) => group.members.push(number),
                None => groups.push(Asked { check, parameters, members: vec![number] }),
            }
        }
        groups
    }

    async fn gather(&self, check: &Check, place: &Place, parameters: &ParameterSet) -> Result<Gathered> {
        let record = place.record.is_some();
        let known = if record {
            self.store.known_findings(&place.organization.org_id, &check.id).await?
        } else {
            HashMap::new()
        };
        Ok(Gathered {
            result: CheckResult { parameters: parameters.to_json().to_string(), ..CheckResult::default() },
            shortfall: place.readiness.shortfall(check),
            known,
            changes: Vec::new(),
            muted: Vec::new(),
            unmuted: Vec::new(),
            record,
            snapshot: place.snapshot.number,
            names: place.organization.names.clone(),
        })
    }

    /// Writes what a check found in one organization.
    async fn settle(
        &self,
        check: &Check,
        place: &Place,
        mut gathered: Gathered,
        unusable: Option<String>,
        settled: &mut Settled,
    ) -> Result<()> {
        let as_a_whole = match (&gathered.shortfall, unusable) {
            (_, Some(why)) => {
                // What was counted up to there is no count.
                let parameters = std::mem::take(&mut gathered.result.parameters);
                gathered.result = CheckResult { parameters, ..CheckResult::default() };
                Some(why)
            }
            (Some(shortfall), None) => Some(shortfall.to_string()),
            (None, None) => None,
        };
        gathered.result.reason.clone_from(&as_a_whole);
        if check.coverage_severity {
            let raised = gathered.result.coverage().map(severity_of_coverage);
            gathered.result.raised_severity = raised.filter(|raised| *raised > check.severity);
        }
        if let Some((run, lease)) = &place.record {
            let now = (self.clock)();
            if now.duration_since(settled.alive_at) > HEARTBEAT {
                self.store.keep_lease(lease, now).await?;
                settled.alive_at = now;
            }
            if as_a_whole.is_some() {
                self.store.merge_undecided(run, &check.id, &gathered.result, lease, now).await?;
            } else {
                for known in gathered.known.values() {
                    gathered.changes.extend(lives::not_failing(known, Seen::Gone, gathered.snapshot));
                }
                let Gathered { changes, muted, unmuted, result, .. } = &mut gathered;
                let (changes, muted, unmuted) =
                    (std::mem::take(changes), std::mem::take(muted), std::mem::take(unmuted));
                self.store
                    .merge_findings(run, &check.id, &check.resource, changes, muted, unmuted, result, lease, now)
                    .await?;
            }
        }
        settled.results.insert(check.id.clone(), gathered.result);
        Ok(())
    }

    async fn finish(&self, place: Place, results: BTreeMap<String, CheckResult>) -> Result<OrganizationReport> {
        let Place { organization, snapshot, record, not_recorded, .. } = place;
        if let Some((run, lease)) = record {
            let checks: Vec<&str> = results.keys().map(String::as_str).collect();
            self.store.end_posture_run(&run, &checks, &lease, (self.clock)()).await?;
            self.store.release_lease(lease).await?;
        }
        Ok(OrganizationReport { organization, snapshot, results, not_recorded })
    }
}

impl Place {
    fn at(&self) -> (String, i64) {
        (self.organization.org_id.clone(), self.snapshot.number)
    }
}

impl Gathered {
    /// Counts a row, and notes what it changes.
    fn take(&mut self, check: &Check, row: &mut Row, columns: &[String], settings: &Settings, now: Timestamp) {
        if let Some(shortfall) = &self.shortfall {
            row.outcome = CheckOutcome::Unknown;
            row.reason = shortfall.to_string();
        }
        self.result.count(row.outcome);
        if !self.record {
            return;
        }
        if row.outcome != CheckOutcome::Fail {
            self.note_not_failing(&row.id, row.outcome);
            return;
        }
        let known = self.known.remove(&row.id);
        self.mute(check, row, known.as_ref(), settings, now);
        self.changes.extend(lives::failing(known.as_ref(), finding_of(check, row, columns)));
    }

    /// Counts a thing that does not fail, and notes what that changes.
    fn count(&mut self, id: &str, outcome: CheckOutcome) {
        let outcome = if self.shortfall.is_some() { CheckOutcome::Unknown } else { outcome };
        self.result.count(outcome);
        if self.record {
            self.note_not_failing(id, outcome);
        }
    }

    fn note_not_failing(&mut self, id: &str, outcome: CheckOutcome) {
        if let Some(known) = self.known.remove(id) {
            self.changes.extend(lives::not_failing(&known, Seen::As(outcome), self.snapshot));
        }
    }

    /// Accepts a finding by rule, or takes such an acceptance back. A person's word stands above rules.
    fn mute(&mut self, check: &Check, row: &Row, known: Option<&KnownFinding>, settings: &Settings, now: Timestamp) {
        let by_rule = known.and_then(|known| known.accepted_rule.as_deref());
        if by_rule.is_none() && known.is_some_and(|known| known.is_accepted) {
            return;
        }
        match (settings.mute(&check.id, &self.names, &row.id, &row.name, now), by_rule) {
            (Some(mute), Some(rule)) if mute.rule == rule => {}
            (Some(mute), _) => {
                self.muted.push(Muted { resource_id: row.id.clone(), acceptance: mute.acceptance() });
            }
            (None, Some(_)) => self.unmuted.extend(known.map(|known| known.number)),
            (None, None) => {}
        }
    }
}

fn finding_of(check: &Check, row: &Row, columns: &[String]) -> FindingRow {
    let severity: Severity = row.severity.unwrap_or(check.severity);
    let evidence = serde_json::Value::Object(row.evidence(columns)).to_string();
    let mut hasher = blake3::Hasher::new();
    for text in [row.name.as_str(), severity.word(), row.reason.as_str(), evidence.as_str()] {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    let mut content = [0; 16];
    content.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    FindingRow {
        resource_id: row.id.clone(),
        name: row.name.clone(),
        severity,
        reason: row.reason.clone(),
        evidence,
        content,
    }
}
