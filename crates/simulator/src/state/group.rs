//! Groups of users, devices and policies: what is kept of each and how its row is written.
//! Responsible for V2 group rows. Who reaches what through groups is computed in `graph`.

use crate::dice::Dice;
use crate::id::Id;
use crate::json;
use crate::oddity::Oddity;
use crate::state::Profile;
use crate::state::graph::Kind;
use crate::state::table::Identified;
use crate::words;

/// A group with its direct members.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) id: Id,
    /// `UserGroup`, `SystemGroup` or `PolicyGroup`.
    pub(crate) kind: Kind,
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) dynamic: bool,
    /// Direct members: users, devices or policies.
    pub(crate) members: Vec<Id>,
    /// Groups of the same kind whose members count as effective members of this one.
    pub(crate) nested: Vec<Id>,
    /// Members that left, with the time; they can linger in answers for a moment.
    pub(crate) left: Vec<(Id, i64)>,
}

impl Identified for Group {
    fn id(&self) -> Id {
        self.id
    }
}

impl Group {
    /// Makes up an empty group.
    pub(crate) fn grow(profile: &Profile, kind: Kind, number: u32, created_at: i64) -> Self {
        let mut dice = Dice::of(profile.seed, kind.as_str(), u64::from(number));
        let names = match kind {
            Kind::UserGroup => words::USER_GROUPS,
            Kind::SystemGroup => words::DEVICE_GROUPS,
            _ => words::POLICY_GROUPS,
        };
        let base = names[number as usize % names.len()];
        let name = match number as usize / names.len() {
            0 => base.to_owned(),
            round => format!("{base} {}", round + 1),
        };
        let name = if profile.hostile && number % 3 == 2 {
            words::HOSTILE[number as usize % words::HOSTILE.len()].to_owned()
        } else {
            name
        };
        let entropy = dice.next();
        Self {
            id: Id::new(created_at, entropy),
            kind,
            number,
            name,
            dynamic: kind != Kind::PolicyGroup && (number < 3 || entropy.is_multiple_of(6)),
            members: Vec::new(),
            nested: Vec::new(),
            left: Vec::new(),
        }
    }

    /// Whether membership gives administrator rights on bound devices.
    pub(crate) fn grants_sudo(&self) -> bool {
        self.kind == Kind::UserGroup && self.number % 9 == 8
    }

    /// Appends the row of the V2 API.
    pub(crate) fn write(&self, profile: &Profile, out: &mut String) {
        json::object(out, |row| {
            if profile.oddities.has(Oddity::NullAttributes) && !self.grants_sudo() {
                row.null("attributes");
            } else {
                row.object("attributes", |attributes| {
                    if self.grants_sudo() {
                        attributes.object("sudo", |sudo| {
                            sudo.boolean("enabled", true);
                            sudo.boolean("withoutPassword", self.number.is_multiple_of(2));
                        });
                    }
                    if self.kind == Kind::UserGroup && self.number % 4 == 1 {
                        attributes.array("ldapGroups", |list| {
                            list.object(|group| group.string("name", &self.name));
                        });
                        attributes.array("posixGroups", |list| {
                            list.object(|group| {
                                group.number("id", 6000 + i64::from(self.number));
                                group.string("name", &format!("group{}", self.number));
                            });
                        });
                        attributes.object("radius", |radius| {
                            radius.array("reply", |list| {
                                list.object(|entry| {
                                    entry.string("name", "Tunnel-Private-Group-Id");
                                    entry.string("value", "SIM-SECRET-radius-reply");
                                });
                            });
                        });
                        attributes.boolean("sambaEnabled", false);
                    }
                });
            }
            row.id("id", self.id);
            row.string("name", &self.name);
            row.string("type", self.kind.as_str());
            row.string("email", "");
            row.string("description", ["", "Managed by IT", "Reviewed every quarter"][self.number as usize % 3]);
            if self.kind == Kind::PolicyGroup {
                return;
            }
            row.string("membershipMethod", if self.dynamic { "DYNAMIC_AUTOMATED" } else { "STATIC" });
            if self.dynamic {
                row.object("memberQuery", |query| {
                    query.string("queryType", "FilterQuery");
                    query.strings(
                        "filters",
                        &[match self.kind {
                            Kind::UserGroup => "state:eq:ACTIVATED",
                            _ => "osFamily:eq:darwin",
                        }],
                    );
                });
                row.array("memberQueryExemptions", |_| {});
            }
            row.boolean("memberSuggestionsNotify", false);
        });
    }
}
