//! The state of a simulated organization, one file for each noun.
//! Responsible for growing an organization from its description and for lookups that cross nouns.
//!
//! To add a noun that exists in tens: add it to `document::Noun`, make it up in the file named after its area, and
//! give it a route. To add a noun that exists in thousands: a compact struct with `grow` and `write`, in a `Table`.

pub(crate) mod access;
pub(crate) mod administrators;
pub(crate) mod alerts;
pub(crate) mod applications;
pub(crate) mod commands;
pub(crate) mod derived;
pub(crate) mod device;
pub(crate) mod directories;
pub(crate) mod document;
pub(crate) mod graph;
pub(crate) mod group;
pub(crate) mod insights;
pub(crate) mod mdm;
pub(crate) mod plan;
pub(crate) mod policies;
pub(crate) mod settings;
pub(crate) mod software;
pub(crate) mod table;
pub(crate) mod user;

use serde_json::Value;

use crate::config::{Character, OrganizationSpec};
use crate::dice::{Dice, mix};
use crate::id::Id;
use crate::oddity::Oddities;
use crate::state::derived::Derived;
use crate::state::device::{Device, Platform};
use crate::state::document::{Documents, Noun};
use crate::state::graph::{Graph, Kind, Node, Sudo};
use crate::state::group::Group;
use crate::state::table::Table;
use crate::state::user::{User, UserState};
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

    /// The id of the number-th thing of a kind, created `age_days` before `now`.
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
        alerts::grow(profile, now, &mut self.documents);
        commands::grow(profile, now, &self.devices, &mut self.documents);
        directories::grow(profile, now, &mut self.documents);
        mdm::grow(profile, now, &mut self.documents);
        plan::grow(profile, now, &self.users, &mut self.documents);
        policies::grow(profile, now, &mut self.documents);
        software::grow(profile, now, &mut self.documents);
        self.link_administrators();
    }

    /// Some users are portal administrators as well.
    fn link_administrators(&mut self) {
        let administrators = self.documents.ids(Noun::Administrators);
        for (user, administrator) in self.users.iter_mut().take(3).zip(administrators) {
            user.administrator = Some(administrator);
        }
    }

    fn fill_groups(&mut self) {
        let mut groups: Vec<Vec<Id>> = vec![Vec::new(); self.user_groups.len()];
        for user in self.users.iter() {
            for position in user_group_positions(&self.profile, user, groups.len()) {
                groups[position].push(user.id);
            }
        }
        fill(&mut self.user_groups, groups);
        let mut groups: Vec<Vec<Id>> = vec![Vec::new(); self.device_groups.len()];
        for device in self.devices.iter() {
            for position in device_group_positions(&self.profile, device, groups.len()) {
                groups[position].push(device.id);
            }
        }
        fill(&mut self.device_groups, groups);
        let policies = self.documents.ids(Noun::Policies);
        let mut groups: Vec<Vec<Id>> = vec![Vec::new(); self.policy_groups.len()];
        for (position, policy) in policies.iter().enumerate().filter(|(position, _)| position % 3 == 0) {
            let count = groups.len().max(1);
            if let Some(group) = groups.get_mut(position / 3 % count) {
                group.push(*policy);
            }
        }
        fill(&mut self.policy_groups, groups);
    }

    fn bind_everything(&mut self) {
        let mut graph = Graph::default();
        let user_groups: Vec<Node> = nodes(Kind::UserGroup, self.user_groups.iter().map(|group| group.id));
        let device_groups: Vec<Node> = nodes(Kind::SystemGroup, self.device_groups.iter().map(|group| group.id));
        let policy_groups: Vec<Node> = nodes(Kind::PolicyGroup, self.policy_groups.iter().map(|group| group.id));
        for device in self.devices.iter() {
            let Some(user) = device.primary_user else { continue };
            let sudo =
                device.number.is_multiple_of(4).then(|| Sudo { without_password: device.number.is_multiple_of(8) });
            graph.bind(Node { kind: Kind::User, id: user }, Node { kind: Kind::System, id: device.id }, sudo);
        }
        for (position, group) in device_groups.iter().enumerate().skip(2).step_by(2) {
            if let Some(users) = user_groups.get(1 + position % user_groups.len().max(2)) {
                let sudo = (position % 4 == 0).then_some(Sudo { without_password: position % 8 == 0 });
                graph.bind(*users, *group, sudo);
            }
        }
        self.bind_resources(&mut graph, &user_groups);
        for (position, id) in self.documents.ids(Noun::Policies).into_iter().enumerate() {
            let policy = Node { kind: Kind::Policy, id };
            // Every third policy is applied through a policy group, and a neglected organization forgets some.
            let forgotten = self.profile.character == Character::Neglected && position % 4 == 3;
            if position % 3 != 0 && !forgotten {
                let family = self
                    .documents
                    .get(Noun::Policies, id)
                    .map_or("", |policy| policy.body["template"]["osMetaFamily"].as_str().unwrap_or(""));
                let target = match family {
                    "darwin" => 0,
                    "windows" => 1,
                    "linux" => 2,
                    _ => 11,
                };
                if let Some(group) = device_groups.get(target).or(device_groups.last()) {
                    graph.bind(policy, *group, None);
                }
                if let Some(device) = self.devices.iter().nth(position) {
                    graph.bind(policy, Node { kind: Kind::System, id: device.id }, None);
                }
            }
        }
        for (policies, devices) in policy_groups.iter().zip(&device_groups) {
            graph.bind(*policies, *devices, None);
        }
        for (noun, kind) in [(Noun::Commands, Kind::Command), (Noun::SoftwareApps, Kind::SoftwareApp)] {
            for (position, id) in self.documents.ids(noun).into_iter().enumerate() {
                if let Some(group) = device_groups.get(position % device_groups.len().max(1)) {
                    graph.bind(Node { kind, id }, *group, None);
                }
                if let Some(device) = self.devices.iter().nth(position * 2) {
                    graph.bind(Node { kind, id }, Node { kind: Kind::System, id: device.id }, None);
                }
            }
        }
        self.graph = graph;
    }

    /// Applications, directories, LDAP and RADIUS are bound to user groups, and now and then to a single user.
    fn bind_resources(&self, graph: &mut Graph, user_groups: &[Node]) {
        for (noun, kind) in [
            (Noun::Applications, Kind::Application),
            (Noun::ActiveDirectories, Kind::ActiveDirectory),
            (Noun::GSuites, Kind::GSuite),
            (Noun::Office365s, Kind::Office365),
            (Noun::LdapServers, Kind::LdapServer),
            (Noun::RadiusServers, Kind::RadiusServer),
        ] {
            for (position, id) in self.documents.ids(noun).into_iter().enumerate() {
                let resource = Node { kind, id };
                let mut dice = self.profile.dice(kind.as_str(), position as u64);
                let mut bound = Vec::new();
                for _ in 0..1 + dice.below(3) {
                    let group = dice.index(user_groups.len());
                    if let Some(node) = user_groups.get(group).filter(|_| !bound.contains(&group)) {
                        graph.bind(*node, resource, None);
                        bound.push(group);
                    }
                }
                for user in self.users.iter().skip(position).step_by(97).take(3) {
                    graph.bind(Node { kind: Kind::User, id: user.id }, resource, None);
                }
            }
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
pub(crate) fn noun_of(kind: Kind) -> Option<Noun> {
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

/// Which user groups a user belongs to, as positions: everyone who is active is in the first.
pub(crate) fn user_group_positions(profile: &Profile, user: &User, groups: usize) -> Vec<usize> {
    let mut dice = profile.dice("user groups", u64::from(user.number));
    let everyone = (groups > 0 && user.state == UserState::Activated).then_some(0);
    some_positions(&mut dice, everyone, 1, groups, 3)
}

/// Which device groups a device belongs to, as positions: the group of its platform and a few others.
pub(crate) fn device_group_positions(profile: &Profile, device: &Device, groups: usize) -> Vec<usize> {
    let mut dice = profile.dice("device groups", u64::from(device.number));
    let platform = match device.platform {
        Platform::Mac => 0,
        Platform::Windows => 1,
        Platform::Linux => 2,
        Platform::Ios | Platform::Android => 11,
    };
    some_positions(&mut dice, (platform < groups).then_some(platform), 3, groups, 2)
}

fn some_positions(dice: &mut Dice, always: Option<usize>, from: usize, groups: usize, most: u64) -> Vec<usize> {
    let mut positions: Vec<usize> = always.into_iter().collect();
    // The last group stays empty: real organizations have such groups, and readers must cope.
    if groups > from + 1 {
        for _ in 0..dice.below(most + 1) {
            let position = from + dice.index(groups - from - 1);
            if !positions.contains(&position) {
                positions.push(position);
            }
        }
    }
    positions
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
            device.primary_user = Some(users[dice.index(users.len())].id);
        }
        if profile.oddities.has(crate::oddity::Oddity::ReinstalledDevices) && number % 40 == 7 {
            devices.push(reinstalled_remains(&device, now));
        }
        devices.push(device);
    }
    devices
}

/// What stays in the list when the agent of this device was installed anew: an older id that is heard of no more.
fn reinstalled_remains(device: &Device, now: i64) -> Device {
    let created_at = device.created_at - 200 * DAY;
    Device {
        id: Id::new(created_at, mix(device.id.entropy())),
        created_at,
        last_contact: Some(device.created_at.min(now) - DAY),
        primary_user: None,
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

fn fill(groups: &mut Table<Group>, members: Vec<Vec<Id>>) {
    for (group, members) in groups.iter_mut().zip(members) {
        group.members = members;
    }
}

fn nodes(kind: Kind, ids: impl Iterator<Item = Id>) -> Vec<Node> {
    ids.map(|id| Node { kind, id }).collect()
}
