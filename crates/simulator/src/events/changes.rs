//! What life did to the inventory, told as events, so that inventory and events agree.
//! Responsible for one event for each change. The changes themselves are made in `life`.

use std::collections::HashMap;

use super::catalogue;
use super::feed::Source;
use super::hour::{self, Planted};
use super::part::{Item, Part, Thing};
use super::roster::Roster;
use super::slot::Slot;
use crate::dice::Dice;
use crate::id::Id;
use crate::life::Change;
use crate::state::Organization;
use crate::state::graph::{Kind, Node};
use crate::time::{MINUTE, SECOND};

/// The events of a change that happened in `from..now`; `before` is who was there until then.
pub(super) fn told(
    source: &Source,
    organization: &Organization,
    before: &Roster,
    change: &Change,
    from: i64,
    now: i64,
) -> Vec<Planted> {
    let mut teller = Teller {
        source,
        from: from.max(now - 10 * MINUTE),
        now: now.max(from + 1),
        dice: Dice::of(source.profile.seed ^ organization.steps, "told", now as u64),
        events: Vec::new(),
    };
    let names = names(source, organization, before, change);
    let user = |id: &Id| Item { thing: Thing::User, id: *id, name: names.get(id).cloned().unwrap_or_default() };
    let device = |id: &Id| Item { thing: Thing::Device, id: *id, name: names.get(id).cloned().unwrap_or_default() };
    let admin = |number: u64| {
        let named = before.things.pick_changer(number)?;
        Some(Item { thing: Thing::Admin, id: named.id, name: named.name.clone() })
    };
    for (number, id) in change.users_joined.iter().enumerate() {
        teller.tell("user_create", admin(number as u64), user(id), None, None);
        teller.tell("user_activated", None, user(id), None, None);
    }
    for id in &change.users_left {
        teller.tell("user_delete", admin(1), user(id), None, None);
    }
    for id in &change.users_changed {
        if change.users_suspended.contains(id) {
            let changes = r#"[{"field":"suspended","from":false,"to":true},{"field":"state","from":"ACTIVATED","to":"SUSPENDED"}]"#;
            teller.tell("user_suspended", admin(0), user(id), None, Some(changes));
        } else if change.mfa_removed.contains(id) {
            teller.tell("totp_delete_enrollment", admin(0), user(id), None, None);
        } else {
            teller.tell("user_update", admin(2), user(id), None, None);
        }
    }
    let enrolled = change.devices_enrolled.iter().chain(change.devices_reinstalled.iter().map(|(_, new)| new));
    for id in enrolled {
        teller.tell("system_create", admin(0), device(id), None, None);
    }
    for id in &change.devices_removed {
        teller.tell("system_delete", admin(0), device(id), None, None);
    }
    for id in &change.devices_changed {
        teller.tell("system_update", admin(0), device(id), None, None);
    }
    for (pairs, word) in [(&change.members_added, "add"), (&change.members_removed, "remove")] {
        for (group, member) in pairs {
            let of_users = organization.group(Node { kind: Kind::UserGroup, id: *group });
            let (thing, found) = match of_users {
                Some(group) => (Thing::UserGroup, Some(group)),
                None => (Thing::DeviceGroup, organization.group(Node { kind: Kind::SystemGroup, id: *group })),
            };
            let name = found.map_or_else(String::new, |group| group.name.clone());
            let group = Item { thing, id: *group, name };
            let member = if thing == Thing::UserGroup { user(member) } else { device(member) };
            teller.tell("association_change", admin(0), group, Some((member, word)), None);
        }
    }
    teller.events
}

struct Teller<'a> {
    source: &'a Source,
    from: i64,
    now: i64,
    dice: Dice,
    events: Vec<Planted>,
}

impl Teller<'_> {
    fn tell(
        &mut self,
        name: &'static str,
        actor: Option<Item>,
        target: Item,
        other: Option<(Item, &'static str)>,
        changes: Option<&str>,
    ) {
        let kind = catalogue::number_of("directory", name);
        // Nothing is told before it exists; ids carry the second of creation.
        let earliest = self.from.max(target.id.seconds() * SECOND).min(self.now - 1);
        let time = earliest + self.dice.below((self.now - earliest) as u64) as i64;
        let slot = hour::slot(self.source, time, self.dice.next(), kind, &mut self.dice);
        let (other, word) = other.map_or((None, None), |(item, word)| (Some(item), Some(word)));
        let changes = changes.map(str::to_owned);
        let part = Part {
            actor,
            target: Some(target),
            other,
            word,
            changes,
            success: Some(true),
            auth_method: Some("session"),
            ..Part::default()
        };
        self.events.push((Slot { flags: 0, ..slot }, part));
    }
}

/// The names of everybody and everything in a change, whether still there or gone.
fn names(source: &Source, organization: &Organization, before: &Roster, change: &Change) -> HashMap<Id, String> {
    let profile = &source.profile;
    let left: std::collections::HashSet<&Id> = change.users_left.iter().chain(&change.devices_removed).collect();
    let members = change.members_added.iter().chain(&change.members_removed).map(|(_, member)| member);
    let mut names = HashMap::new();
    for id in change.users_joined.iter().chain(&change.users_changed).chain(members.clone()) {
        if let Some(user) = organization.users.get(*id) {
            names.insert(*id, user.username(profile));
        }
    }
    let installed = change.devices_reinstalled.iter().map(|(_, new)| new);
    for id in change.devices_enrolled.iter().chain(&change.devices_changed).chain(installed).chain(members) {
        if let Some(device) = organization.devices.get(*id) {
            names.insert(*id, device.name(profile));
        }
    }
    if !left.is_empty() {
        let people = before.people.iter().filter(|person| left.contains(&person.id));
        names.extend(people.map(|person| (person.id, person.item(profile).name)));
        let machines = before.machines.iter().filter(|machine| left.contains(&machine.id));
        names.extend(machines.map(|machine| (machine.id, machine.hostname(profile))));
    }
    names
}
