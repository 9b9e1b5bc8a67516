//! Members, memberships, associations and traversals: `/{collection}/{id}/{relation}`.
//! Responsible for which relations exist, for what `targets` allows, and for the shapes of graph answers.

use std::borrow::Cow;

use crate::call::Answer;
use crate::credentials::Role;
use crate::dice::mix;
use crate::id::Id;
use crate::json::{self, Object};
use crate::listing::{self, SliceRows};
use crate::oddity::Oddity;
use crate::state::Organization;
use crate::state::graph::{Binding, Hop, Kind, Node, Reached, Sudo};
use crate::time::MINUTE;
use crate::world::Scene;

const PEOPLE: &[Kind] = &[Kind::User, Kind::UserGroup];
const MACHINES: &[Kind] = &[Kind::System, Kind::SystemGroup];
const OF_PEOPLE: &[Kind] = &[
    Kind::ActiveDirectory,
    Kind::Application,
    Kind::GSuite,
    Kind::IdpRoutingPolicy,
    Kind::LdapServer,
    Kind::Office365,
    Kind::PasswordManagerItem,
    Kind::Policy,
    Kind::PolicyGroup,
    Kind::RadiusServer,
    Kind::System,
    Kind::SystemGroup,
];
const OF_MACHINES: &[Kind] = &[Kind::Command, Kind::Policy, Kind::PolicyGroup, Kind::User, Kind::UserGroup];

/// The graph collections: the name in paths, the kind, and the targets that associations accept.
const COLLECTIONS: &[(&str, Kind, &[Kind])] = &[
    ("users", Kind::User, OF_PEOPLE),
    ("usergroups", Kind::UserGroup, OF_PEOPLE),
    ("systems", Kind::System, OF_MACHINES),
    ("systemgroups", Kind::SystemGroup, OF_MACHINES),
    ("applications", Kind::Application, PEOPLE),
    ("activedirectories", Kind::ActiveDirectory, PEOPLE),
    ("gsuites", Kind::GSuite, PEOPLE),
    ("office365s", Kind::Office365, PEOPLE),
    ("ldapservers", Kind::LdapServer, PEOPLE),
    ("radiusservers", Kind::RadiusServer, PEOPLE),
    ("policies", Kind::Policy, MACHINES),
    ("policygroups", Kind::PolicyGroup, MACHINES),
    ("softwareapps", Kind::SoftwareApp, MACHINES),
    ("commands", Kind::Command, &[Kind::System, Kind::SystemGroup, Kind::PasswordManagerItem]),
];

/// The names of graph collections with the targets that their associations accept.
pub(crate) fn association_targets() -> impl Iterator<Item = (&'static str, &'static [Kind])> {
    COLLECTIONS.iter().map(|(collection, _, targets)| (*collection, *targets))
}

/// Answers `/{collection}/{id}/{relation}`.
pub(super) fn route(scene: &Scene<'_>, parts: &[&str]) -> Option<Answer> {
    let [collection, id, relation] = parts else { return None };
    let (_, kind, targets) = COLLECTIONS.iter().find(|(name, ..)| name == collection)?;
    let related = related(*kind, relation)?;
    let organization = scene.organization;
    let oddities = organization.profile.oddities;
    let node = Id::parse(id).map(|id| Node { kind: *kind, id }).filter(|node| organization.exists(*node));
    let Some(node) = node else { return Some(Answer::not_found()) };
    if oddities.has(Oddity::VanishingParents) && mix(node.id.entropy()).is_multiple_of(25) {
        return Some(Answer::not_found());
    }
    let gap = matches!(kind, Kind::Command | Kind::SoftwareApp) && matches!(*relation, "systems" | "systemgroups");
    if gap && oddities.has(Oddity::ReadOnlyGaps) && scene.access.principal.role == Role::ReadOnly {
        return Some(Answer::forbidden());
    }
    let answer = match related {
        Relation::Members => members(scene, node),
        Relation::Membership => reached(scene, &organization.reached(node, &[], Organization::membership)),
        Relation::MemberOf => reached(scene, &organization.member_of(node)),
        Relation::Associations => associations(scene, node, targets),
        Relation::Traversal(kinds) => {
            reached(scene, &organization.reached(node, kinds, |organization, node| organization.traverse(node, kinds)))
        }
    };
    let none = *kind == Kind::System && *relation == "users" && answer.body == "[]";
    if none && oddities.has(Oddity::EmptyBodies) {
        return Some(Answer { body: String::new(), ..answer });
    }
    Some(answer)
}

enum Relation {
    Members,
    Membership,
    MemberOf,
    Associations,
    Traversal(&'static [Kind]),
}

/// Which relations each kind has. Traversals mirror the associations.
fn related(kind: Kind, relation: &str) -> Option<Relation> {
    let group = kind.member().is_some();
    Some(match relation {
        "members" if group => Relation::Members,
        "membership" if group => Relation::Membership,
        "memberof" if kind.group().is_some() => Relation::MemberOf,
        "associations" => Relation::Associations,
        _ => {
            let kinds: &[Kind] = match (kind, relation) {
                (Kind::User | Kind::UserGroup, "applications") => &[Kind::Application],
                (Kind::User | Kind::UserGroup, "activedirectories") => &[Kind::ActiveDirectory],
                (Kind::User | Kind::UserGroup, "gsuites") => &[Kind::GSuite],
                (Kind::User | Kind::UserGroup, "office365s") => &[Kind::Office365],
                (Kind::User | Kind::UserGroup, "ldapservers") => &[Kind::LdapServer],
                (Kind::User | Kind::UserGroup, "radiusservers") => &[Kind::RadiusServer],
                (Kind::User | Kind::UserGroup, "directories") => {
                    &[Kind::ActiveDirectory, Kind::GSuite, Kind::LdapServer, Kind::Office365]
                }
                (Kind::System | Kind::SystemGroup, "policies") => &[Kind::Policy],
                (Kind::System | Kind::SystemGroup, "policygroups") => &[Kind::PolicyGroup],
                (Kind::System | Kind::SystemGroup, "commands") => &[Kind::Command],
                (
                    Kind::User | Kind::UserGroup | Kind::Policy | Kind::PolicyGroup | Kind::SoftwareApp | Kind::Command,
                    "systems",
                ) => &[Kind::System],
                (
                    Kind::User | Kind::UserGroup | Kind::Policy | Kind::PolicyGroup | Kind::SoftwareApp | Kind::Command,
                    "systemgroups",
                ) => &[Kind::SystemGroup],
                (
                    Kind::User | Kind::UserGroup | Kind::Policy | Kind::PolicyGroup | Kind::SoftwareApp | Kind::Command,
                    _,
                ) => return None,
                (_, "users") => &[Kind::User],
                (_, "usergroups") => &[Kind::UserGroup],
                _ => return None,
            };
            Relation::Traversal(kinds)
        }
    })
}

/// Direct members. Pages can be short in the middle, because entries vanish after the page was cut.
fn members(scene: &Scene<'_>, node: Node) -> Answer {
    let Some(group) = scene.organization.group(node) else { return Answer::not_found() };
    let kind = node.kind.member().unwrap_or(Kind::User);
    let oddities = scene.organization.profile.oddities;
    let mut ids = Cow::Borrowed(group.members.as_slice());
    let mut lingering = 0;
    if oddities.has(Oddity::LingeringAssociations) {
        ids.to_mut().extend(group.left.iter().filter(|(_, at)| scene.now - at < MINUTE).map(|(id, _)| *id));
        lingering = ids.len() - group.members.len();
    }
    // The odd entries are additional ones of objects long gone: the total counts them, the page lacks them.
    let ghosts = if oddities.has(Oddity::ShortMemberPages) && group.members.len() > 3 {
        1 + group.members.len() / 40
    } else {
        0
    };
    for number in 0..ghosts {
        let position = (number * 40 + 2).min(ids.len());
        ids.to_mut().insert(position, node.id.child(60 + number as u64));
    }
    let real = |id: &Id| ghosts == 0 || lingering > 0 || scene.organization.exists(Node { kind, id: *id });
    let write = |id: &Id, out: &mut String| {
        if !real(id) {
            // Every other entry that vanished leaves a `null` behind.
            if id.entropy().is_multiple_of(2) {
                out.push_str("null");
            }
            return;
        }
        json::object(out, |row| write_connection(row, None, Node { kind, id: *id }, None));
    };
    listing::answer(scene.call, scene.tamper, &listing::GRAPH, &SliceRows { slice: &ids, write })
}

/// Direct bindings to one kind of target.
fn associations(scene: &Scene<'_>, node: Node, allowed: &[Kind]) -> Answer {
    let target = match scene.call.parameter("targets").map(Kind::parse) {
        Some(Some(kind)) if allowed.contains(&kind) => kind,
        Some(_) => return Answer::message(400, "Bad Request: invalid value for parameter \"targets\""),
        None => return Answer::message(400, "Bad Request: parameter \"targets\" is required"),
    };
    let organization = scene.organization;
    let lingering = organization.profile.oddities.has(Oddity::LingeringAssociations);
    let bindings: Vec<&Binding> = organization
        .graph
        .of(node)
        .filter(|binding| binding.other(node).kind == target && binding.visible(scene.now, lingering))
        .collect();
    let write = |binding: &&Binding, out: &mut String| {
        // `from` is often absent in reality; here it is for every other node.
        let from = node.id.entropy().is_multiple_of(2).then_some(node);
        json::object(out, |row| write_connection(row, from, binding.other(node), binding.sudo));
    };
    listing::answer(scene.call, scene.tamper, &listing::GRAPH, &SliceRows { slice: &bindings, write })
}

/// Objects with the paths that lead to them.
fn reached(scene: &Scene<'_>, reached: &[Reached]) -> Answer {
    let details = scene.call.parameter("details") == Some("v1");
    let write = |object: &Reached, out: &mut String| {
        json::object(out, |row| {
            row.id("id", object.node.id);
            row.string("type", object.node.kind.as_str());
            if let Some(group) = scene.organization.group(object.node) {
                // Lists of groups tell the attributes that the group gives.
                row.object("compiledAttributes", |attributes| {
                    if group.grants_sudo() {
                        write_sudo(attributes, Sudo { without_password: group.number.is_multiple_of(2) });
                    }
                });
            } else {
                let sudo =
                    object.paths.iter().flatten().filter_map(|hop| hop.sudo).reduce(|left, right| Sudo {
                        without_password: left.without_password || right.without_password,
                    });
                row.object("compiledAttributes", |attributes| {
                    if let Some(sudo) = sudo {
                        write_sudo(attributes, sudo);
                    }
                });
            }
            if details {
                write_command_details(scene, object.node, row);
            }
            row.array("paths", |paths| {
                for path in &object.paths {
                    paths.array(|hops| {
                        for Hop { to, sudo } in path {
                            hops.object(|hop| write_connection(hop, None, *to, *sudo));
                        }
                    });
                }
            });
        });
    };
    listing::answer(scene.call, scene.tamper, &listing::GRAPH, &SliceRows { slice: reached, write })
}

fn write_connection(row: &mut Object<'_>, from: Option<Node>, to: Node, sudo: Option<Sudo>) {
    match sudo {
        Some(sudo) => row.object("attributes", |attributes| write_sudo(attributes, sudo)),
        None => row.null("attributes"),
    }
    for (name, node) in [("from", from), ("to", Some(to))] {
        if let Some(node) = node {
            row.object(name, |end| {
                end.null("attributes");
                end.id("id", node.id);
                end.string("type", node.kind.as_str());
            });
        }
    }
}

fn write_sudo(attributes: &mut Object<'_>, sudo: Sudo) {
    attributes.object("sudo", |entry| {
        entry.boolean("enabled", true);
        entry.boolean("withoutPassword", sudo.without_password);
    });
}

fn write_command_details(scene: &Scene<'_>, node: Node, row: &mut Object<'_>) {
    if node.kind != Kind::Command {
        return;
    }
    if let Some(command) = scene.organization.documents.get(crate::state::document::Noun::Commands, node.id) {
        for field in ["name", "command", "commandType", "launchType", "schedule"] {
            row.raw(field, &command.body[field].to_string());
        }
    }
}
