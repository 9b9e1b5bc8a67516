//! Life goes on: people join, change and leave; devices are enrolled, wiped and installed anew; agents report.
//! Responsible for changing the state repeatably and for telling exactly what changed.

use std::collections::HashSet;

use serde::Serialize;

use crate::dice::mix;
use crate::id::Id;
use crate::state::Organization;
use crate::state::bindings::{device_group_positions, user_group_positions};
use crate::state::device::Device;
use crate::state::document::Noun;
use crate::state::graph::{Kind, Node};
use crate::state::table::{Identified, Table};
use crate::state::user::{Mfa, User, UserState};
use crate::time::{DAY, HOUR, MINUTE, text};

/// What one step of life changed in an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The organization id.
    pub organization: Id,
    /// When, epoch milliseconds.
    pub at: i64,
    /// Users that were created.
    pub users_joined: Vec<Id>,
    /// Users that were deleted.
    pub users_left: Vec<Id>,
    /// Users whose rows changed.
    pub users_changed: Vec<Id>,
    /// Those of the changed users that lost all MFA factors.
    pub mfa_removed: Vec<Id>,
    /// Those of the changed users that were suspended.
    pub users_suspended: Vec<Id>,
    /// Devices that were enrolled.
    pub devices_enrolled: Vec<Id>,
    /// Devices that were wiped and removed.
    pub devices_removed: Vec<Id>,
    /// Devices whose agent was installed anew: old id, new id; both stay, with one serial number.
    pub devices_reinstalled: Vec<(Id, Id)>,
    /// Devices whose settings changed (moving `lastContact` does not count).
    pub devices_changed: Vec<Id>,
    /// Group and user or device that became a member.
    pub members_added: Vec<(Id, Id)>,
    /// Group and user or device that stopped being a member.
    pub members_removed: Vec<(Id, Id)>,
    /// How many bindings ended because one end is gone.
    pub bindings_removed: usize,
}

impl Change {
    fn none(organization: &Organization) -> Self {
        Self {
            organization: organization.profile.id,
            at: organization.now,
            users_joined: Vec::new(),
            users_left: Vec::new(),
            users_changed: Vec::new(),
            mfa_removed: Vec::new(),
            users_suspended: Vec::new(),
            devices_enrolled: Vec::new(),
            devices_removed: Vec::new(),
            devices_reinstalled: Vec::new(),
            devices_changed: Vec::new(),
            members_added: Vec::new(),
            members_removed: Vec::new(),
            bindings_removed: 0,
        }
    }
}

/// Takes one step of life, up to `now`.
pub(crate) fn advance(organization: &mut Organization, now: i64) -> Change {
    organization.now = now;
    organization.steps += 1;
    let mut change = Change::none(organization);
    people(organization, &mut change);
    machines(organization, &mut change);
    join_groups(organization, &mut change);
    shuffle_groups(organization, &mut change);
    for agent in
        organization.documents.table_mut(Noun::ActiveDirectoryAgents).into_iter().flat_map(|table| table.iter_mut())
    {
        if agent.text("state") == "active" {
            agent.set("contactAt", text(now - 2 * MINUTE).into());
        }
    }
    organization.changed();
    change
}

/// Changes details of exactly `percent` of users and devices, spread evenly over the lists.
pub(crate) fn mutate(organization: &mut Organization, percent: f64) -> Change {
    organization.steps += 1;
    let mut change = Change::none(organization);
    let positions = share(organization.users.len(), percent);
    for user in chosen(&mut organization.users, &positions) {
        user.revision += 1;
        change.users_changed.push(user.id);
    }
    let positions = share(organization.devices.len(), percent);
    for device in chosen(&mut organization.devices, &positions) {
        device.revision += 1;
        change.devices_changed.push(device.id);
    }
    organization.changed();
    change
}

fn people(organization: &mut Organization, change: &mut Change) {
    let now = organization.now;
    let count = organization.users.len();
    let steps = organization.steps;
    let mut dice = organization.profile.dice("people", steps);
    let bad = organization.profile.bad();
    let few = |dice: &mut crate::dice::Dice, permille: u32| {
        (count * permille as usize / 1000).max(usize::from(dice.permille(700)))
    };
    let joining = few(&mut dice, bad(8, 5, 25));
    let leaving = few(&mut dice, bad(6, 2, 12)).min(count / 4);
    let changing = few(&mut dice, 20);
    let mut joined = Vec::new();
    for _ in 0..joining {
        let number = organization.next_user;
        organization.next_user += 1;
        let mut user = User::grow(&organization.profile, number, now - dice.below(HOUR as u64) as i64, now);
        user.state = UserState::Activated;
        change.users_joined.push(user.id);
        joined.push(user);
    }
    let mut leavers = HashSet::new();
    for _ in 0..leaving {
        let user = organization.users.at(dice.index(count));
        // Administrators stay, so that keys and the listing of administrators keep their people.
        if user.administrator.is_none() && leavers.insert(user.id) {
            change.users_left.push(user.id);
        }
    }
    let mut changed = HashSet::new();
    for _ in 0..changing {
        let id = organization.users.at(dice.index(count)).id;
        if leavers.contains(&id) || !changed.insert(id) {
            continue;
        }
        let Some(user) = organization.users.get_mut(id) else { continue };
        user.revision += 1;
        match dice.below(6) {
            0 if user.mfa.enrolled() => {
                user.mfa = Mfa::None;
                change.mfa_removed.push(id);
            }
            1 if user.state == UserState::Activated => {
                user.state = UserState::Suspended;
                user.suspended_at = Some(now);
                change.users_suspended.push(id);
            }
            2 => user.locked_at = if user.locked_at.is_some() { None } else { Some(now - HOUR) },
            3 => user.password_set_at = Some(now - MINUTE),
            4 => user.mfa = Mfa::PushAndWebAuthn,
            _ => {}
        }
        change.users_changed.push(id);
    }
    for id in &change.users_left {
        change.bindings_removed += organization.graph.unbind_all(Node { kind: Kind::User, id: *id }, now);
    }
    organization.users.replace(|user| !leavers.contains(&user.id), joined);
    let heirless: Vec<Id> = organization
        .users
        .iter_mut()
        .filter(|user| user.manager.is_some_and(|manager| leavers.contains(&manager)))
        .map(|user| {
            user.manager = None;
            user.id
        })
        .collect();
    change.users_changed.extend(heirless);
    change.users_changed.sort_unstable();
    change.users_changed.dedup();
}

fn machines(organization: &mut Organization, change: &mut Change) {
    let now = organization.now;
    let count = organization.devices.len();
    let mut dice = organization.profile.dice("machines", organization.steps);
    let users: Vec<Id> = change.users_joined.clone();
    let mut added = Vec::new();
    for number in 0..users.len().max(1) {
        let device_number = organization.next_device;
        organization.next_device += 1;
        let mut device = Device::grow(&organization.profile, device_number, now - HOUR, now);
        device.last_contact = Some(now - MINUTE);
        device.primary_user = users.get(number).copied();
        change.devices_enrolled.push(device.id);
        added.push(device);
    }
    let mut removed = HashSet::new();
    for _ in 0..count / 150 {
        let id = organization.devices.at(dice.index(count)).id;
        if removed.insert(id) {
            change.devices_removed.push(id);
        }
    }
    let mut silent = HashSet::new();
    for _ in 0..(count / 200).max(usize::from(count > 0)) {
        let old = organization.devices.at(dice.index(count)).clone();
        if removed.contains(&old.id) || !old.platform.has_agent() || !silent.insert(old.id) {
            continue;
        }
        let id = Id::new(now - MINUTE, mix(old.id.entropy() ^ organization.steps));
        change.devices_reinstalled.push((old.id, id));
        // The MDM knows the machine once, by its new id.
        if let Some(left) = organization.devices.get_mut(old.id).filter(|left| left.mdm) {
            left.mdm = false;
            change.devices_changed.push(old.id);
        }
        added.push(Device { id, created_at: now - MINUTE, last_contact: Some(now - MINUTE), ..old });
    }
    let gone: HashSet<Id> = change.users_left.iter().copied().collect();
    for device in organization.devices.iter_mut() {
        let fresh = device.last_contact.is_some_and(|at| now - at < 40 * DAY && at > device.created_at - DAY);
        if fresh && !silent.contains(&device.id) {
            let mut dice = organization.profile.dice("contact", u64::from(device.number) ^ (organization.steps << 32));
            if !dice.permille(30) {
                let ago = if dice.permille(600) { 5 * MINUTE } else { 20 * HOUR };
                device.last_contact = Some(now - dice.below(ago as u64) as i64);
            }
            if dice.permille(15) {
                device.revision += 1;
                device.behind = if device.behind > 0 { 0 } else { 1 };
                change.devices_changed.push(device.id);
            }
        }
        if device.primary_user.is_some_and(|user| gone.contains(&user)) {
            device.primary_user = None;
            change.devices_changed.push(device.id);
        }
    }
    for id in &change.devices_removed {
        change.bindings_removed += organization.graph.unbind_all(Node { kind: Kind::System, id: *id }, now);
    }
    for device in &added {
        if let Some(user) = device.primary_user.filter(|user| !gone.contains(user)) {
            organization.graph.bind(
                Node { kind: Kind::User, id: user },
                Node { kind: Kind::System, id: device.id },
                None,
            );
        }
    }
    organization.devices.replace(|device| !removed.contains(&device.id), added);
    change.devices_changed.retain(|id| !removed.contains(id));
    change.devices_changed.sort_unstable();
    change.devices_changed.dedup();
}

/// Newcomers join the groups that their attributes put them in; those who are gone leave all.
fn join_groups(organization: &mut Organization, change: &mut Change) {
    let now = organization.now;
    let profile = organization.profile.clone();
    let newcomers: Vec<(usize, Id)> = change
        .users_joined
        .iter()
        .filter_map(|id| organization.users.get(*id))
        .flat_map(|user| {
            user_group_positions(&profile, user, organization.user_groups.len())
                .into_iter()
                .map(|position| (position, user.id))
        })
        .collect();
    let reinstalled = change.devices_reinstalled.iter().map(|(_, new)| new);
    let enrolled: Vec<(usize, Id)> = change
        .devices_enrolled
        .iter()
        .chain(reinstalled)
        .filter_map(|id| organization.devices.get(*id))
        .flat_map(|device| {
            device_group_positions(&profile, device, organization.device_groups.len())
                .into_iter()
                .map(|position| (position, device.id()))
        })
        .collect();
    for (table, joining, leaving) in [
        (&mut organization.user_groups, newcomers, &change.users_left),
        (&mut organization.device_groups, enrolled, &change.devices_removed),
    ] {
        let leaving: HashSet<Id> = leaving.iter().copied().collect();
        let mut arrivals: Vec<Vec<Id>> = vec![Vec::new(); table.len()];
        for (position, id) in joining {
            arrivals[position].push(id);
        }
        for (group, arrivals) in table.iter_mut().zip(arrivals) {
            for id in group.members.iter().filter(|id| leaving.contains(id)) {
                change.members_removed.push((group.id, *id));
            }
            group.left.retain(|(_, at)| now - at < HOUR);
            group.members.retain(|id| !leaving.contains(id));
            change.members_added.extend(arrivals.iter().map(|id| (group.id, *id)));
            group.members.extend(arrivals);
        }
    }
}

/// Some users leave a group, and some join one.
fn shuffle_groups(organization: &mut Organization, change: &mut Change) {
    let now = organization.now;
    let mut dice = organization.profile.dice("shuffle", organization.steps);
    let users: Vec<Id> = (0..3)
        .filter(|_| organization.users.len() > 0)
        .map(|_| organization.users.at(dice.index(organization.users.len())).id)
        .collect();
    let groups = organization.user_groups.len();
    for (position, group) in organization.user_groups.iter_mut().enumerate().skip(1) {
        // The last group stays empty.
        if position + 1 == groups || !dice.permille(200) {
            continue;
        }
        if group.members.len() > 2 {
            let id = group.members.remove(dice.index(group.members.len()));
            // Someone who joined in this very step was never seen in the group.
            if let Some(place) = change.members_added.iter().position(|pair| *pair == (group.id, id)) {
                change.members_added.remove(place);
            } else {
                group.left.push((id, now));
                change.members_removed.push((group.id, id));
            }
        }
        for id in &users {
            let before = change.members_removed.contains(&(group.id, *id));
            if dice.permille(300) && !before && !group.members.contains(id) {
                group.members.push(*id);
                change.members_added.push((group.id, *id));
            }
        }
    }
}

/// Exactly `percent` of `count` positions, spread evenly.
fn share(count: usize, percent: f64) -> Vec<usize> {
    let wanted = ((count as f64 * percent / 100.0).round() as usize).min(count);
    (0..wanted).map(|number| number * count / wanted).collect()
}

/// The rows at these positions.
fn chosen<'a, T>(table: &'a mut Table<T>, positions: &[usize]) -> impl Iterator<Item = &'a mut T>
where
    T: Identified,
{
    let mut next = positions.iter().copied().peekable();
    table.iter_mut().enumerate().filter_map(move |(position, row)| next.next_if_eq(&position).map(|_| row))
}
