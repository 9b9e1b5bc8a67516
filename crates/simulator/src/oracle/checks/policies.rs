//! F. Device policies and commands.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Outcome::{Fail, NotApplicable, Pass, Unknown};
use super::{Check, Look, Outcomes, Tier, fail_if, verdict};
use crate::id::Id;
use crate::state::commands::ROOT;
use crate::state::derived::Outcome as Result;
use crate::state::document::{Document, Noun};
use crate::state::graph::{Kind, Node};

pub(super) const CHECKS: &[Check] = &[
    Check::of("policy-baseline-missing", Tier::A, baseline_missing),
    Check::of("policy-coverage-low", Tier::A, coverage_low),
    Check::of("device-policy-failed", Tier::A, policy_failed),
    Check::of("device-no-policy", Tier::A, no_policy),
    Check::of("policy-unassigned", Tier::A, unassigned),
    Check::of("command-runs-as-root-by-webhook", Tier::A, root_by_webhook),
    Check::of("command-contains-secret", Tier::A, contains_secret),
];

/// What a baseline policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    Encryption,
    Lock,
    Firewall,
    Update,
}

const CONTROLS: [Control; 4] = [Control::Encryption, Control::Lock, Control::Firewall, Control::Update];

/// What a policy is for, by the technical name of its template.
fn control(policy: &Document) -> Option<Control> {
    let name = policy.body["template"]["name"].as_str()?;
    Some(match name {
        _ if name.starts_with("lock_screen") => Control::Lock,
        _ if name.starts_with("firewall") => Control::Firewall,
        _ if name.starts_with("os_update") => Control::Update,
        "filevault_darwin" | "bitlocker_windows" | "disk_encryption_linux" => Control::Encryption,
        _ => return None,
    })
}

fn family(policy: &Document) -> &str {
    policy.body["template"]["osMetaFamily"].as_str().unwrap_or("")
}

/// The last result of every policy for a control, by device.
pub(super) fn last_results(look: &Look<'_>, wanted: Control) -> HashMap<Id, Vec<Result>> {
    let mut results: HashMap<Id, Vec<Result>> = HashMap::new();
    for policy in look.organization.documents.iter(Noun::Policies).filter(|policy| control(policy) == Some(wanted)) {
        for status in look.organization.policy_runs().statuses.of(policy.id).rows {
            results.entry(status.device).or_default().push(status.outcome);
        }
    }
    results
}

/// Of macOS, Windows and Linux; telephones have no such policies.
fn baseline_missing(look: &Look<'_>) -> Outcomes {
    let devices = &look.organization.devices;
    let lacks = |os: &str| {
        let present = devices.iter().any(|device| device.platform.family() == os);
        let has = |wanted: Control| {
            let policies = look.organization.documents.iter(Noun::Policies);
            policies.into_iter().any(|policy| family(policy) == os && control(policy) == Some(wanted))
        };
        present && !CONTROLS.into_iter().all(has)
    };
    look.of_organization(fail_if(["darwin", "windows", "linux"].into_iter().any(lacks)))
}

/// Of policies for a baseline control, over the devices of their system, servers included; others are out of scope, and
/// so are those for systems of which there is no device. A device that was not heard of lately is unknown and counts on
/// neither side; where all are, so is the policy.
fn coverage_low(look: &Look<'_>) -> Outcomes {
    let mut fleet: BTreeMap<&str, HashSet<Id>> = BTreeMap::new();
    for device in look.organization.devices.iter() {
        let fresh = fleet.entry(device.platform.family()).or_default();
        fresh.extend(look.fresh(device).then_some(device.id));
    }
    look.of_documents(Noun::Policies, |policy| {
        let Some(fresh) = fleet.get(family(policy)).filter(|_| control(policy).is_some()) else { return NotApplicable };
        let statuses = look.organization.policy_runs().statuses.of(policy.id).rows;
        let applied =
            statuses.iter().filter(|status| status.outcome == Result::Success && fresh.contains(&status.device));
        // Less than 95 of 100.
        verdict((!fresh.is_empty()).then(|| applied.count() * 100 < fresh.len() * 95))
    })
}

/// A device to which no policy applies is out of scope.
fn policy_failed(look: &Look<'_>) -> Outcomes {
    look.of_devices(|device| {
        let counts = look.organization.policy_counts(device.id);
        match counts.failed {
            _ if counts.total == 0 => NotApplicable,
            _ if !look.fresh(device) => Unknown,
            0 => Pass,
            _ => Fail,
        }
    })
}

/// What is bound to a device is known whether it is heard of or not.
fn no_policy(look: &Look<'_>) -> Outcomes {
    look.of_devices(|device| fail_if(look.organization.policy_counts(device.id).total == 0))
}

/// A device group is a target even when it is empty.
fn unassigned(look: &Look<'_>) -> Outcomes {
    let machines = |node: Node| look.bound(node).any(|target| matches!(target.kind, Kind::System | Kind::SystemGroup));
    look.of_documents(Noun::Policies, |policy| {
        let groups = look.organization.policy_groups.iter().filter(|group| group.members.contains(&policy.id));
        let mut holders = std::iter::once(Node { kind: Kind::Policy, id: policy.id })
            .chain(groups.map(|group| Node { kind: Kind::PolicyGroup, id: group.id }));
        fail_if(!holders.any(machines))
    })
}

fn root_by_webhook(look: &Look<'_>) -> Outcomes {
    look.of_documents(Noun::Commands, |command| {
        let hooked = command.text("launchType") == "trigger" || !command.text("trigger").is_empty();
        let root =
            command.text("user") == ROOT || command.body["sudo"] == true || command.text("commandType") == "windows";
        fail_if(hooked && root)
    })
}

/// By what was planted: an assigned token, the head of a private key, a password as a literal.
fn contains_secret(look: &Look<'_>) -> Outcomes {
    look.of_documents(Noun::Commands, |command| {
        let planted = |text: &str| {
            ["API_TOKEN=3f9c2b7d51e84a06", "PRIVATE KEY-----", "$AdminPassword = '"]
                .iter()
                .any(|one| text.contains(one))
        };
        verdict(command.body["command"].as_str().map(planted))
    })
}
