//! An organization: its profile, its tables, and lookups that cross nouns.
//! Responsible for growing it from its description. Who is in which group and what is bound to what: see `bindings`.

use serde_json::Value;

use crate::config::{Character, OrganizationSpec};
use crate::dice::{Dice, mix};
use crate::id::Id;
use crate::oddity::{Oddities, Oddity};
use crate::state::derived::Derived;
use crate::state::device::{Device, Platform};
use crate::state::document::{Documents, Noun};
use crate::state::graph::{Graph, Kind, Node};
use crate::state::group::Group;
use crate::state::table::Table;
use crate::state::user::{self, User};
use crate::state::{
    access, administrators, alerts, applications, approvals, commands, directories, mdm, plan, policies, settings,
    software, ssh_key,
};
use crate::time::DAY;

/// What stays the same for an organization as long as it lives.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) id: Id,
    pub(crate) seed: u64,
    pub(crate) name: String,
    pub(crate) domain: String,
    pub(crate) character: Character,
    pub(crate) hostile: bool,
    pub(crate) oddities: Oddities,
    pub(crate) created_at: i64,
    pub(crate) directory_insights: bool,
    pub(crate) system_insights: bool,
    /// Whether events are kept for longer than usual.
    pub(crate) premium_events: bool,
}

/// One organization with everything in it.
#[derive(Debug)]
pub(crate) struct Organization {
    pub(crate) profile: Profile,
    /// When life last went on; ages in rows are told from here.
    pub(crate) now: i64,
    pub(crate) users: Table<User>,
    pub(crate) devices: Table<Device>,
    pub(crate) user_groups: Table<Group>,
    pub(crate) device_groups: Table<Group>,
    pub(crate) policy_groups: Table<Group>,
    pub(crate) graph: Graph,
    pub(crate) documents: Documents,
    /// The single read of the organization with all settings.
    pub(crate) settings: Value,
    /// Numbers given out so far; they are never used again.
    pub(crate) next_user: u32,
    pub(crate) next_device: u32,
    /// Steps of life so far.
    pub(crate) steps: u64,
    derived: Derived,
}

impl Profile {
    /// Chooses the share (in 1,000) of a misconfiguration by character: tidy, neglected, growing.
    pub(crate) fn bad(&self) -> impl Fn(u32, u32, u32) -> u32 + use<> {
        let character = self.character;
        move |tidy, neglected, growing| match character {
            Character::Tidy => tidy,
            Character::Neglected => neglected,
            Character::Growing => growing,
        }
    }

    /// Chance for something of this organization.
    pub(crate) fn dice(&self, what: &str, number: u64) -> Dice {
        Dice::of(self.seed, what, number)
    }

    /// The id of the thing of a kind with this number.
    pub(crate) fn make_id(&self, what: &str, number: u64, created_at: i64) -> Id {
        Id::new(created_at, self.dice(what, number).next())
    }
}

impl Organization {
    /// Grows an organization from its description.
    pub(crate) fn grow(seed: u64, number: usize, spec: &OrganizationSpec, now: i64) -> Self {
        let seed = mix(seed ^ mix(number as u64 + 1));
        let created_at = now - 7 * 365 * DAY;
        let profile = Profile {
            id: Id::new(created_at, Dice::of(seed, "organization", 0).next()),
            seed,
            name: spec.name.clone(),
            domain: spec.domain.clone(),
            character: spec.character,
            hostile: spec.hostile,
            oddities: spec.oddities,
            created_at,
            directory_insights: spec.directory_insights,
            system_insights: spec.system_insights,
            premium_events: spec.events.retention_days > 90,
        };
        let users = grow_users(&profile, spec.users, now);
        let devices = grow_devices(&profile, spec.devices, &users, now);
        let mut organization = Self {
            settings: settings::grow(&profile, now),
            now,
            next_user: users.len() as u32,
            next_device: spec.devices as u32,
            users: Table::new(users),
            devices: Table::new(devices),
            user_groups: Table::new(grow_groups(&profile, Kind::UserGroup, spec.user_groups, now)),
            device_groups: Table::new(grow_groups(&profile, Kind::SystemGroup, spec.device_groups, now)),
            policy_groups: Table::new(grow_groups(&profile, Kind::PolicyGroup, 4, now)),
            graph: Graph::default(),
            documents: Documents::default(),
            steps: 0,
            derived: Derived::default(),
            profile,
        };
        organization.grow_documents();
        organization.fill_groups();
        organization.bind_everything();
        organization
    }

    fn grow_documents(&mut self) {
        let (profile, now) = (&self.profile, self.now);
        administrators::grow(profile, now, &mut self.documents);
        applications::grow(profile, now, &mut self.documents);
        access::grow(profile, now, &self.user_groups, &mut self.documents);
        approvals::grow(profile, now, &self.users, &self.user_groups, &mut self.documents);
        alerts::grow(profile, now, &mut self.documents);
        commands::grow(profile, now, &self.devices, &mut self.documents);
        directories::grow(profile, now, &mut self.documents);
        mdm::grow(profile, now, &mut self.documents);
        plan::grow(profile, now, &self.users, &mut self.documents);
        policies::grow(profile, now, &mut self.documents);
        software::grow(profile, now, &mut self.documents);
        if profile.hostile {
            self.documents.make_hostile();
        }
        self.link_administrators();
    }

    /// Some users are portal administrators as well.
    fn link_administrators(&mut self) {
        let administrators = self.documents.ids(Noun::Administrators);
        for (user, administrator) in self.users.iter_mut().take(3).zip(administrators) {
            user.administrator = Some(administrator);
        }
    }

    /// A group of any kind.
    pub(crate) fn group(&self, node: Node) -> Option<&Group> {
        self.groups(node.kind)?.get(node.id)
    }

    /// The table of a kind of group.
    pub(crate) fn groups(&self, kind: Kind) -> Option<&Table<Group>> {
        match kind {
            Kind::UserGroup => Some(&self.user_groups),
            Kind::SystemGroup => Some(&self.device_groups),
            Kind::PolicyGroup => Some(&self.policy_groups),
            _ => None,
        }
    }

    /// Whether an object of the graph exists.
    pub(crate) fn exists(&self, node: Node) -> bool {
        match node.kind {
            Kind::User => self.users.contains(node.id),
            Kind::System => self.devices.contains(node.id),
            Kind::UserGroup | Kind::SystemGroup | Kind::PolicyGroup => self.group(node).is_some(),
            kind => noun_of(kind).is_some_and(|noun| self.documents.get(noun, node.id).is_some()),
        }
    }

    /// What follows from the state; each part is computed when it is first asked for.
    pub(crate) fn derived(&self) -> &Derived {
        &self.derived
    }

    /// To be called after every change: what followed from the old state is forgotten.
    pub(crate) fn changed(&mut self) {
        self.derived = Derived::default();
    }
}

/// The documents behind a kind of graph object.
fn noun_of(kind: Kind) -> Option<Noun> {
    Some(match kind {
        Kind::ActiveDirectory => Noun::ActiveDirectories,
        Kind::Application => Noun::Applications,
        Kind::Command => Noun::Commands,
        Kind::GSuite => Noun::GSuites,
        Kind::LdapServer => Noun::LdapServers,
        Kind::Office365 => Noun::Office365s,
        Kind::Policy => Noun::Policies,
        Kind::RadiusServer => Noun::RadiusServers,
        Kind::SoftwareApp => Noun::SoftwareApps,
        _ => return None,
    })
}

fn grow_users(profile: &Profile, count: usize, now: i64) -> Vec<User> {
    let mut users: Vec<User> = (0..count as u32)
        .map(|number| User::grow(profile, number, user::creation_time(profile, "user", number, now), now))
        .collect();
    for position in 1..users.len() {
        let mut dice = profile.dice("manager", position as u64);
        if dice.permille(700) {
            users[position].manager = Some(users[dice.index(position)].id);
        }
    }
    users
}

fn grow_devices(profile: &Profile, count: usize, users: &[User], now: i64) -> Vec<Device> {
    let mut devices = Vec::with_capacity(count);
    for number in 0..count as u32 {
        let created_at = user::creation_time(profile, "device", number, now);
        let mut device = Device::grow(profile, number, created_at, now);
        let mut dice = profile.dice("owner", u64::from(number));
        if !users.is_empty() && device.platform != Platform::Linux && dice.permille(920) {
            let user = &users[dice.index(users.len())];
            // Of a tidy leaver nothing is left. Elsewhere some devices still name somebody who is long gone.
            let gone = profile.character != Character::Tidy && number % 61 == 11;
            device.primary_user = match user.number % user::PLANTS {
                _ if gone => Some(user.id.child(49)),
                22 => None,
                _ => Some(user.id),
            };
        }
        if device.platform == Platform::Linux {
            device.authorized = authorized(profile, &device, users);
        }
        if profile.oddities.has(Oddity::ReinstalledDevices) && number % 40 == 7 {
            devices.push(reinstalled_remains(&device, now));
        }
        devices.push(device);
    }
    devices
}

/// Whose key opens a device: somebody's of those with keys, or nobody's.
fn authorized(profile: &Profile, device: &Device, users: &[User]) -> Option<u32> {
    let mut dice = profile.dice("authorized key", u64::from(device.number));
    let foreign = dice.permille(profile.bad()(60, 400, 150));
    let known = |user: &&User| user.ssh_keys > 0 && user.ssh_key(profile, 0).kind != ssh_key::Kind::Unreadable;
    let start = dice.index(users.len());
    let (before, after) = users.split_at(start);
    let found = after.iter().chain(before).find(known);
    found.filter(|_| !foreign).map(|user| user.number)
}

/// What stays in the list when the agent of this device was installed anew: an older id that is heard of no more.
fn reinstalled_remains(device: &Device, now: i64) -> Device {
    let created_at = device.created_at - 200 * DAY;
    Device {
        id: Id::new(created_at, mix(device.id.entropy())),
        created_at,
        last_contact: Some(device.created_at.min(now) - DAY),
        primary_user: None,
        // The MDM knows the machine once.
        mdm: false,
        ..device.clone()
    }
}

fn grow_groups(profile: &Profile, kind: Kind, count: usize, now: i64) -> Vec<Group> {
    let mut groups: Vec<Group> = (0..count as u32)
        .map(|number| Group::grow(profile, kind, number, user::creation_time(profile, kind.as_str(), number, now)))
        .collect();
    if kind != Kind::PolicyGroup {
        for position in (6..groups.len()).step_by(5) {
            let nested = groups[position - 1].id;
            groups[position].nested.push(nested);
        }
    }
    groups
}
