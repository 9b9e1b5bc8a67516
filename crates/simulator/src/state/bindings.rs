//! Who is in which group, and what is bound to what, when an organization is grown.
//! Responsible for that first wiring. Later changes are made in `life`; questions are answered in `graph`.

use crate::config::Character;
use crate::dice::Dice;
use crate::id::Id;
use crate::state::device::Device;
use crate::state::document::Noun;
use crate::state::graph::{Graph, Kind, Node, Sudo};
use crate::state::group::Group;
use crate::state::table::Table;
use crate::state::user::{PLANTS, User, UserState};
use crate::state::{Organization, Profile};

/// Place of the group "Board" among the user groups.
pub(crate) const BOARD: usize = 10;

/// Place of the group "Interns" among the user groups.
pub(crate) const INTERNS: usize = 11;

impl Organization {
    /// Puts users, devices and policies into groups.
    pub(super) fn fill_groups(&mut self) {
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
        for (_, policy) in policies.iter().enumerate().filter(|(position, _)| position % 3 == 0) {
            let group = match self.policy_family(*policy) {
                "darwin" => 0,
                "windows" => 1,
                "linux" => 2,
                _ => 3,
            };
            if let Some(group) = groups.get_mut(group) {
                group.push(*policy);
            }
        }
        fill(&mut self.policy_groups, groups);
    }

    /// Binds users to devices, groups to resources, and policies, commands and software to devices.
    pub(super) fn bind_everything(&mut self) {
        let mut graph = Graph::default();
        let user_groups: Vec<Node> = nodes(Kind::UserGroup, self.user_groups.iter().map(|group| group.id));
        let device_groups: Vec<Node> = nodes(Kind::SystemGroup, self.device_groups.iter().map(|group| group.id));
        let policy_groups: Vec<Node> = nodes(Kind::PolicyGroup, self.policy_groups.iter().map(|group| group.id));
        for device in self.devices.iter() {
            let Some(user) = device.primary_user.filter(|user| self.users.contains(*user)) else { continue };
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
                let target = platform_group(self.policy_family(id));
                if let Some(group) = device_groups.get(target).or(device_groups.last()) {
                    graph.bind(policy, *group, None);
                }
                if let Some(device) = self.devices.iter().nth(position) {
                    graph.bind(policy, Node { kind: Kind::System, id: device.id }, None);
                }
            }
        }
        for (policies, family) in policy_groups.iter().zip(["darwin", "windows", "linux", "ios"]) {
            if let Some(devices) = device_groups.get(platform_group(family)).or(device_groups.last()) {
                graph.bind(*policies, *devices, None);
            }
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

    /// The operating system that a policy is for.
    fn policy_family(&self, id: Id) -> &str {
        let policy = self.documents.get(Noun::Policies, id);
        policy.and_then(|policy| policy.body["template"]["osMetaFamily"].as_str()).unwrap_or("")
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
}

/// Place of the group of all devices of a family.
fn platform_group(family: &str) -> usize {
    match family {
        "darwin" => 0,
        "windows" => 1,
        "linux" => 2,
        _ => 11,
    }
}

/// Which user groups a user belongs to, as positions: everyone who is active is in the first.
pub(crate) fn user_group_positions(profile: &Profile, user: &User, groups: usize) -> Vec<usize> {
    // Bind accounts of directory clients and leavers of whom nothing is left are nowhere.
    if matches!(user.number % PLANTS, 20 | 22) {
        return Vec::new();
    }
    let mut dice = profile.dice("user groups", u64::from(user.number));
    let everyone = (groups > 0 && user.state == UserState::Activated).then_some(0);
    let mut positions = some_positions(&mut dice, everyone, 1, groups, 3);
    // Somebody whom nothing asks for MFA is among those whom a policy lets in without.
    if user.number % PLANTS == 42 && groups > INTERNS + 1 && !positions.contains(&INTERNS) {
        positions.push(INTERNS);
    }
    positions
}

/// Which device groups a device belongs to, as positions: the group of its platform and a few others.
pub(crate) fn device_group_positions(profile: &Profile, device: &Device, groups: usize) -> Vec<usize> {
    let mut dice = profile.dice("device groups", u64::from(device.number));
    let platform = platform_group(device.platform.family());
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

fn fill(groups: &mut Table<Group>, members: Vec<Vec<Id>>) {
    for (group, members) in groups.iter_mut().zip(members) {
        group.members = members;
    }
}

fn nodes(kind: Kind, ids: impl Iterator<Item = Id>) -> Vec<Node> {
    ids.map(|id| Node { kind, id }).collect()
}
