//! What the functions of checks may look at, and the questions that several of them ask.
//! Responsible for membership, reach, freshness and times. It decides nothing.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::{Outcome, Outcomes, Parameters, Reader, View};
use crate::events::feed::Feed;
use crate::events::shapes::deeds::Deed;
use crate::id::Id;
use crate::oracle::effective;
use crate::state::device::{Device, InsightsState};
use crate::state::document::{Document, Noun};
use crate::state::graph::{Kind, Node};
use crate::state::user::User;
use crate::state::{Organization, Profile};
use crate::time::{DAY, MINUTE};

/// For how long a fact of a device holds.
const FRESH: i64 = 14 * DAY;

/// One organization at one time, seen in one way.
pub(crate) struct Look<'a> {
    pub(crate) organization: &'a Organization,
    pub(crate) now: i64,
    pub(crate) feed: &'a Feed,
    pub(crate) view: &'a View,
    /// The key that reads.
    pub(crate) key: &'a str,
    groups_of_users: OnceCell<HashMap<Id, BTreeSet<Id>>>,
    deeds: OnceCell<Vec<Deed>>,
}

impl<'a> Look<'a> {
    pub(crate) fn new(organization: &'a Organization, now: i64, feed: &'a Feed, view: &'a View, key: &'a str) -> Self {
        Self { organization, now, feed, view, key, groups_of_users: OnceCell::new(), deeds: OnceCell::new() }
    }

    pub(super) fn profile(&self) -> &'a Profile {
        &self.organization.profile
    }

    pub(super) fn parameters(&self) -> &'a Parameters {
        &self.view.parameters
    }

    /// A setting of the organization, by its path below `settings`.
    pub(super) fn setting(&self, path: &str) -> &'a Value {
        self.organization.settings.pointer(&format!("/settings/{path}")).unwrap_or(&Value::Null)
    }

    /// One outcome, of the organization.
    pub(super) fn of_organization(&self, outcome: Outcome) -> Outcomes {
        Outcomes::from([(self.profile().id.to_string(), outcome)])
    }

    /// An outcome for each user.
    pub(super) fn of_users(&self, judge: impl Fn(&User) -> Outcome) -> Outcomes {
        self.organization.users.iter().map(|user| (user.id.to_string(), judge(user))).collect()
    }

    /// An outcome for each device.
    pub(super) fn of_devices(&self, judge: impl Fn(&Device) -> Outcome) -> Outcomes {
        self.organization.devices.iter().map(|device| (device.id.to_string(), judge(device))).collect()
    }

    /// An outcome for each document of a noun.
    pub(super) fn of_documents(&self, noun: Noun, judge: impl Fn(&Document) -> Outcome) -> Outcomes {
        self.organization.documents.iter(noun).map(|document| (document.id.to_string(), judge(document))).collect()
    }

    /// Whether the key may see service accounts.
    pub(super) fn sees_service_accounts(&self) -> bool {
        self.view.reader == Reader::Administrator
    }

    /// The address of a user.
    pub(super) fn email(&self, user: &User) -> String {
        format!("{}@{}", user.username(self.profile()), self.profile().domain)
    }

    /// The groups that a user is in, directly or through groups within groups.
    pub(super) fn groups_of(&self, user: Id) -> &BTreeSet<Id> {
        static NONE: BTreeSet<Id> = BTreeSet::new();
        let known = self.groups_of_users.get_or_init(|| {
            let groups = &self.organization.user_groups;
            let mut known: HashMap<Id, BTreeSet<Id>> = HashMap::new();
            for group in groups.iter() {
                for member in effective(groups, group.id) {
                    known.entry(member).or_default().insert(group.id);
                }
            }
            known
        });
        known.get(&user).unwrap_or(&NONE)
    }

    /// What a node is bound to.
    pub(super) fn bound(&self, node: Node) -> impl Iterator<Item = Node> + '_ {
        let bindings = self.organization.graph.of(node).filter(|binding| binding.removed_at.is_none());
        bindings.map(move |binding| binding.other(node))
    }

    /// Whether a user is bound to something of these kinds, directly or through groups.
    pub(super) fn reaches(&self, user: Id, kinds: &[Kind]) -> bool {
        let groups = self.groups_of(user).iter().map(|id| Node { kind: Kind::UserGroup, id: *id });
        std::iter::once(Node { kind: Kind::User, id: user })
            .chain(groups)
            .any(|node| self.bound(node).any(|target| kinds.contains(&target.kind)))
    }

    /// Everybody who is bound to a thing, directly or through groups.
    pub(super) fn people_of(&self, node: Node) -> BTreeSet<Id> {
        let mut people = BTreeSet::new();
        for target in self.bound(node) {
            match target.kind {
                Kind::User => {
                    people.insert(target.id);
                }
                Kind::UserGroup => people.extend(effective(&self.organization.user_groups, target.id)),
                _ => {}
            }
        }
        people
    }

    /// Whether what the agent told of a device still holds. Contacts that rows do not tell help nobody.
    pub(super) fn fresh(&self, device: &Device) -> bool {
        device.told_contact(self.profile()).flatten().is_some_and(|at| self.now - at <= FRESH)
    }

    /// Whether what System Insights told of a device still holds: it is on, the agent has reported, and lately.
    pub(super) fn insight(&self, device: &Device) -> bool {
        let on = self.profile().system_insights && device.insights == InsightsState::Enabled;
        // The agent samples within the hour before it makes contact.
        let sampled = device.last_contact.map(|at| at - (device.id.entropy() % 55) as i64 * MINUTE);
        on && sampled.is_some_and(|at| self.now - at <= FRESH)
    }

    /// Since when events are there: all that are kept, or those since the archive began.
    pub(super) fn events_since(&self) -> i64 {
        if !self.profile().directory_insights {
            return i64::MAX;
        }
        let kept = self.now - i64::from(self.feed.source.events.retention_days) * DAY;
        kept.max(self.view.events_since.unwrap_or(kept))
    }

    /// Whether events of so many days are there.
    pub(super) fn events_span(&self, days: i64) -> bool {
        self.events_since() <= self.now - days * DAY
    }

    /// What was done in the last days, as far as events are there.
    pub(super) fn deeds(&self, days: i64) -> impl Iterator<Item = &Deed> {
        // Read once, as far back as any check asks.
        const MOST: i64 = 90;
        let deeds = self.deeds.get_or_init(|| {
            let mut deeds = Vec::new();
            let from = self.events_since().max(self.now - MOST * DAY);
            if from < self.now {
                self.feed.deeds(from..self.now, self.now, |deed| deeds.push(deed));
            }
            deeds
        });
        let from = self.now - days * DAY;
        deeds.iter().filter(move |deed| deed.time >= from)
    }

    /// The administrator whose row tells the beginning of the key that reads; `None` unless it is exactly one.
    pub(super) fn own_administrator(&self) -> Option<&'a Document> {
        let fits = |administrator: &&Document| {
            let prefix = administrator.body["apiKeyHash"]["prefix"].as_str().unwrap_or("");
            !prefix.is_empty() && self.key.starts_with(prefix)
        };
        let mut found = self.organization.documents.iter(Noun::Administrators).filter(fits);
        found.next().filter(|_| found.next().is_none())
    }

    /// Ids of users with special rights on devices or in the console.
    pub(super) fn privileged(&self) -> HashSet<Id> {
        let users = self.organization.users.iter();
        users
            .filter(|user| user.sudo || user.passwordless_sudo || user.administrator.is_some())
            .map(|user| user.id)
            .collect()
    }
}

/// A time in a document, epoch milliseconds. What stands for "never" is no time.
pub(super) fn time(value: &Value) -> Option<i64> {
    let time: jiff::Timestamp = value.as_str()?.parse().ok()?;
    Some(time.as_millisecond()).filter(|at| *at > 0)
}
