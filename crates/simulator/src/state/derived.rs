//! What follows from the state: parents of members, policy and software results, devices under Apple MDM.
//! Responsible for tables that would be too slow to compute for every request. Thrown away at every change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use crate::dice::mix;
use crate::id::Id;
use crate::json;
use crate::lock;
use crate::state::Organization;
use crate::state::device::Platform;
use crate::state::document::Noun;
use crate::state::graph::{Kind, Node, Remembered};
use crate::state::insights;
use crate::state::table::{Identified, Parted, Table};
use crate::time::{DAY, SECOND};

/// Tables computed from the state of one organization, each when it is first asked for.
#[derive(Debug, Default)]
pub(crate) struct Derived {
    parents: OnceLock<Parents>,
    policies: OnceLock<Policies>,
    software: OnceLock<Parted<SoftwareStatus>>,
    mdm_devices: OnceLock<Table<MdmDevice>>,
    /// For each System Insights table: where the rows of each device end.
    insights: Mutex<Ends>,
    pub(crate) reached: Remembered,
}

/// Row ends by table and order of devices.
type Ends = HashMap<(&'static str, bool), Arc<Vec<u32>>>;

/// Which groups an object is in, and which groups a group is nested in.
#[derive(Debug)]
pub(crate) struct Parents {
    groups_of: HashMap<Id, Vec<Id>>,
    nesting: HashMap<Id, Vec<Id>>,
}

/// Results of policies on devices.
#[derive(Debug)]
pub(crate) struct Policies {
    /// The latest result of every policy on every device, policy by policy.
    pub(crate) statuses: Parted<PolicyResult>,
    /// All results, the latest included, policy by policy.
    pub(crate) results: Parted<PolicyResult>,
    /// Positions in `statuses` by device.
    by_device: HashMap<Id, Vec<u32>>,
}

/// One run of a policy on a device.
#[derive(Clone, Debug)]
pub(crate) struct PolicyResult {
    pub(crate) id: Id,
    pub(crate) policy: Id,
    pub(crate) device: Id,
    pub(crate) outcome: Outcome,
    pub(crate) started_at: i64,
}

/// How a policy run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    Failed,
    Pending,
}

/// Policy runs of one device, counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PolicyCounts {
    pub(crate) total: i64,
    pub(crate) success: i64,
    pub(crate) failed: i64,
    pub(crate) pending: i64,
}

/// The state of a managed software on one device.
#[derive(Clone, Debug)]
pub(crate) struct SoftwareStatus {
    pub(crate) id: Id,
    pub(crate) app: Id,
    pub(crate) device: Id,
    pub(crate) at: i64,
}

/// A device as Apple MDM sees it.
#[derive(Clone, Debug)]
pub(crate) struct MdmDevice {
    pub(crate) id: Id,
    pub(crate) device: Id,
}

impl Identified for PolicyResult {
    fn id(&self) -> Id {
        self.id
    }
}

impl Identified for SoftwareStatus {
    fn id(&self) -> Id {
        self.id
    }
}

impl Identified for MdmDevice {
    fn id(&self) -> Id {
        self.id
    }
}

impl Organization {
    /// Which groups objects are in.
    pub(crate) fn parents(&self) -> &Parents {
        self.derived().parents.get_or_init(|| parents(self))
    }

    /// Results of policies on devices.
    pub(crate) fn policy_runs(&self) -> &Policies {
        self.derived().policies.get_or_init(|| policies(self))
    }

    /// How many policies apply to a device and how they went.
    pub(crate) fn policy_counts(&self, device: Id) -> PolicyCounts {
        let mut counts = PolicyCounts::default();
        for status in self.policy_runs().of_device(device) {
            counts.total += 1;
            match status.outcome {
                Outcome::Success => counts.success += 1,
                Outcome::Failed => counts.failed += 1,
                Outcome::Pending => counts.pending += 1,
            }
        }
        counts
    }

    /// The state of managed software on devices, software by software.
    pub(crate) fn software_statuses(&self) -> &Parted<SoftwareStatus> {
        self.derived().software.get_or_init(|| Parted::new(software_statuses(self), |status| status.app))
    }

    /// Devices as Apple MDM sees them.
    pub(crate) fn mdm_devices(&self) -> &Table<MdmDevice> {
        self.derived().mdm_devices.get_or_init(|| Table::new(mdm_devices(self)))
    }

    /// Where the rows of each device end in a System Insights table, in the natural order of devices or by id.
    pub(crate) fn insights_ends(&self, table: &'static insights::Table, by_id: bool) -> Arc<Vec<u32>> {
        let mut known = lock(&self.derived().insights);
        let ends = known.entry((table.name, by_id)).or_insert_with(|| {
            let devices = (0..self.devices.len()).map(|rank| insights::at(&self.devices, rank, by_id));
            Arc::new(insights::ends(self, table, devices))
        });
        Arc::clone(ends)
    }
}

impl Parents {
    /// The groups that list this object as a direct member.
    pub(crate) fn groups_of(&self, member: Id) -> &[Id] {
        self.groups_of.get(&member).map_or(&[], Vec::as_slice)
    }

    /// The groups that this group is nested in.
    pub(crate) fn nesting(&self, group: Id) -> &[Id] {
        self.nesting.get(&group).map_or(&[], Vec::as_slice)
    }
}

impl Policies {
    /// The latest result of each policy on a device.
    pub(crate) fn of_device(&self, device: Id) -> impl Iterator<Item = &PolicyResult> {
        self.by_device.get(&device).into_iter().flatten().map(|position| self.statuses.all.at(*position as usize))
    }
}

impl PolicyResult {
    /// Appends the row of the V2 API.
    pub(crate) fn write(&self, out: &mut String) {
        json::object(out, |row| {
            row.id("id", self.id);
            row.id("policyID", self.policy);
            row.id("systemID", self.device);
            row.string(
                "state",
                match self.outcome {
                    Outcome::Success => "success",
                    Outcome::Failed => "failed",
                    Outcome::Pending => "pending",
                },
            );
            row.boolean("success", self.outcome == Outcome::Success);
            row.number("exitStatus", i64::from(self.outcome == Outcome::Failed));
            row.time("startedAt", self.started_at);
            if self.outcome != Outcome::Pending {
                row.time("endedAt", self.started_at + 4 * SECOND);
            }
            row.string(
                "detail",
                if self.outcome == Outcome::Failed { "the setting was changed on the device" } else { "" },
            );
            row.string("stdErr", "");
            row.string("stdOut", "");
        });
    }
}

impl SoftwareStatus {
    /// Appends the row of the V2 API.
    pub(crate) fn write(&self, out: &mut String) {
        let entropy = self.id.entropy();
        json::object(out, |row| {
            row.id("id", self.id);
            row.id("softwareAppId", self.app);
            row.id("systemId", self.device);
            let failed = entropy.is_multiple_of(11);
            row.string("state", if failed { "ERROR" } else { "INSTALLED" });
            row.number("code", if failed { 1603 } else { 0 });
            row.string("details", if failed { "the installer ended with an error" } else { "" });
            row.string("version", ["4.46.99", "4.46.99", "4.41.97"][(entropy >> 8) as usize % 3]);
            row.time("timestamp", self.at);
        });
    }
}

fn parents(organization: &Organization) -> Parents {
    let mut parents = Parents { groups_of: HashMap::new(), nesting: HashMap::new() };
    for table in [&organization.user_groups, &organization.device_groups, &organization.policy_groups] {
        for group in table.iter() {
            for member in &group.members {
                parents.groups_of.entry(*member).or_default().push(group.id);
            }
            for nested in &group.nested {
                parents.nesting.entry(*nested).or_default().push(group.id);
            }
        }
    }
    parents
}

fn policies(organization: &Organization) -> Policies {
    let pairs = policy_pairs(organization);
    let statuses: Vec<PolicyResult> =
        pairs.iter().map(|(policy, device)| latest(organization, *policy, *device)).collect();
    let mut by_device: HashMap<Id, Vec<u32>> = HashMap::new();
    let mut results = Vec::with_capacity(statuses.len() * 3 / 2);
    for (position, status) in statuses.iter().enumerate() {
        by_device.entry(status.device).or_default().push(position as u32);
        if status.id.entropy().is_multiple_of(2) {
            results.push(earlier(status));
        }
        results.push(status.clone());
    }
    let parted = |rows| Parted::new(rows, |row: &PolicyResult| row.policy);
    Policies { statuses: parted(statuses), results: parted(results), by_device }
}

/// Every policy with every device that it applies to, once.
fn policy_pairs(organization: &Organization) -> Vec<(Id, Id)> {
    let mut pairs = Vec::new();
    for policy in organization.documents.iter(Noun::Policies) {
        let family = policy.body["template"]["osMetaFamily"].as_str().unwrap_or("");
        let groups = organization.policy_groups.iter().filter(|group| group.members.contains(&policy.id));
        let holders = std::iter::once(Node { kind: Kind::Policy, id: policy.id })
            .chain(groups.map(|group| Node { kind: Kind::PolicyGroup, id: group.id }));
        let mut devices = bound_devices(organization, holders);
        devices.retain(|id| organization.devices.get(*id).is_some_and(|device| device.platform.family() == family));
        pairs.extend(devices.into_iter().map(|device| (policy.id, device)));
    }
    pairs
}

/// The devices bound to any of these objects, directly or through (nested) device groups, each once.
fn bound_devices(organization: &Organization, holders: impl Iterator<Item = Node>) -> Vec<Id> {
    let mut devices = Vec::new();
    for holder in holders {
        for binding in organization.graph.of(holder).filter(|binding| binding.removed_at.is_none()) {
            let target = binding.other(holder);
            match target.kind {
                Kind::System => devices.push(target.id),
                Kind::SystemGroup => {
                    let mut pending = vec![target.id];
                    let mut seen = Vec::new();
                    while let Some(id) = pending.pop() {
                        if seen.contains(&id) {
                            continue;
                        }
                        seen.push(id);
                        if let Some(group) = organization.device_groups.get(id) {
                            devices.extend(&group.members);
                            pending.extend(&group.nested);
                        }
                    }
                }
                _ => {}
            }
        }
    }
    devices.sort_unstable();
    devices.dedup();
    // Sorted by id would make the natural order and the order by id the same for these rows.
    devices.sort_by_key(|id| mix(id.entropy()));
    devices
}

fn latest(organization: &Organization, policy: Id, device: Id) -> PolicyResult {
    let entropy = mix(policy.entropy() ^ mix(device.entropy()));
    let failing = organization.profile.bad()(5, 250, 80);
    let outcome = match entropy % 1000 {
        share if share < u64::from(failing) => Outcome::Failed,
        share if share >= 985 => Outcome::Pending,
        _ => Outcome::Success,
    };
    let started_at = organization.now - (entropy >> 20) as i64 % (5 * DAY);
    PolicyResult {
        id: Id::new(organization.profile.created_at + 400 * DAY, entropy),
        policy,
        device,
        outcome,
        started_at,
    }
}

fn earlier(status: &PolicyResult) -> PolicyResult {
    PolicyResult {
        id: status.id.child(1),
        outcome: Outcome::Failed,
        started_at: status.started_at - 30 * DAY,
        ..status.clone()
    }
}

fn software_statuses(organization: &Organization) -> Vec<SoftwareStatus> {
    let mut statuses = Vec::new();
    for app in organization.documents.iter(Noun::SoftwareApps) {
        let holder = Node { kind: Kind::SoftwareApp, id: app.id };
        for device in bound_devices(organization, std::iter::once(holder)) {
            let entropy = mix(app.id.entropy() ^ mix(device.entropy()));
            statuses.push(SoftwareStatus {
                id: Id::new(organization.profile.created_at + 500 * DAY, entropy),
                app: app.id,
                device,
                // Told from the beginning, so that it stays the same while life goes on.
                at: organization.profile.created_at + (7 * 365 - 1) * DAY - (entropy >> 24) as i64 % (60 * DAY),
            });
        }
    }
    statuses
}

fn mdm_devices(organization: &Organization) -> Vec<MdmDevice> {
    organization
        .devices
        .iter()
        .filter(|device| device.mdm && matches!(device.platform, Platform::Mac | Platform::Ios))
        .map(|device| MdmDevice { id: device.id.child(30), device: device.id })
        .collect()
}
