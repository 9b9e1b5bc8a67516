//! `entity`: what is created, changed or deleted, if it is no user and no group of users.

use crate::blocks::caption;
use crate::blocks::resource::Resource;
use crate::facts::Named;
use crate::json::{Text, Writer, key};

/// A managed thing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entity<'a> {
    pub uid: Option<Text<'a>>,
    pub name: Option<Text<'a>>,
    pub kind_id: u8,
    pub kind: Text<'a>,
    /// What it was bound to or unbound from: `op` and the other end.
    pub bound: Option<(Option<Text<'a>>, Option<Resource<'a>>)>,
}

impl<'a> Entity<'a> {
    pub(crate) fn named(&self) -> Named<'a> {
        Named::new(self.uid, self.name)
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        to.object(key!("entity"), |to| {
            self.identity(to);
            to.integer(key!("type_id"), self.kind_id);
            to.text(key!("type"), self.kind);
            match self.kind_id {
                4 => to.object(key!("org"), |to| self.identity(to)),
                5 => to.object(key!("policy"), |to| self.identity(to)),
                _ => {}
            }
            if let Some((op, other)) = &self.bound {
                to.object(key!("data"), |to| {
                    to.text_if(key!("op"), *op);
                    if let Some(other) = other {
                        to.array(key!("other"), |to| to.element(|to| other.members(to)));
                    }
                });
            }
        });
    }

    fn identity(&self, to: &mut Writer<'_>) {
        to.text_if(key!("uid"), self.uid);
        to.text_if(key!("name"), self.name);
    }
}

/// What JumpCloud calls a type, as `entity.type_id` and `entity.type`.
pub(crate) fn type_of(kind: Option<Text<'_>>) -> (u8, Text<'_>) {
    let Some(kind) = kind else { return (0, Text::ours("Unknown")) };
    match kind.text {
        "system" => (1, Text::ours("Device")),
        "user" | "systemuser" | "admin" => (2, Text::ours("User")),
        "user_group" | "system_group" | "policy_group" => (3, Text::ours("Group")),
        "organization" => (4, Text::ours("Organization")),
        "policy" | "authn_policy" => (5, Text::ours("Policy")),
        "iplist" | "ip_list" => (7, Text::ours("Network Zone")),
        "application" => (99, Text::ours("Application")),
        "command" => (99, Text::ours("Command")),
        "radius_server" => (99, Text::ours("RADIUS Server")),
        "ldap_server" => (99, Text::ours("LDAP Server")),
        "active_directory" | "g_suite" | "office_365" => (99, Text::ours("Directory")),
        _ => (99, caption::other(kind)),
    }
}
