//! Groups of users, devices and policies: what is kept of each and how its row is written.
//! Responsible for V2 group rows. Who reaches what through groups is computed in `graph`.

use crate::config::Character;
use crate::dice::Dice;
use crate::id::Id;
use crate::json;
use crate::oddity::Oddity;
use crate::state::Profile;
use crate::state::graph::Kind;
use crate::state::table::Identified;
use crate::words;

/// Attributes that rules of user groups look at, and how.
const RULE_ATTRIBUTES: &[(&str, &str)] = &[
    ("department", "department:eq:Engineering"),
    ("location", "location:eq:Helsinki"),
    ("employeeType", "employeeType:eq:contractor"),
    ("costCenter", "costCenter:eq:CC-100"),
];

/// How members get into a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    NotSet,
    Static,
    Reviewed,
    Dynamic,
}

/// A group with its direct members.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) id: Id,
    /// `UserGroup`, `SystemGroup` or `PolicyGroup`.
    pub(crate) kind: Kind,
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) method: Method,
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
            method: match entropy % 8 {
                _ if kind == Kind::PolicyGroup => Method::NotSet,
                _ if number < 3 => Method::Dynamic,
                // One of each kind of suggestion: with somebody to remove, and with nobody.
                _ if kind == Kind::UserGroup && (number == 3 || number == 6) => Method::Reviewed,
                0 => Method::Dynamic,
                1 => Method::Reviewed,
                2 => Method::NotSet,
                _ => Method::Static,
            },
            members: Vec::new(),
            nested: Vec::new(),
            left: Vec::new(),
        }
    }

    /// Whether a rule decides or suggests the members.
    pub(crate) fn ruled(&self) -> bool {
        matches!(self.method, Method::Dynamic | Method::Reviewed)
    }

    /// Whether the row lacks the way in which members get in.
    pub(crate) fn old_row(&self, profile: &Profile) -> bool {
        profile.oddities.has(Oddity::OldRowsLackState) && self.number % 5 == 4
    }

    /// The attribute that the rule of the group looks at.
    pub(crate) fn rule_attribute(&self) -> &'static str {
        match self.kind {
            Kind::UserGroup => RULE_ATTRIBUTES[self.number as usize % RULE_ATTRIBUTES.len()].0,
            _ => "osFamily",
        }
    }

    /// Why the rule cannot be worked out, if it cannot.
    pub(crate) fn rule_error(&self, profile: &Profile) -> Option<&'static str> {
        let broken = self.ruled() && profile.character != Character::Tidy;
        match (self.kind, self.number) {
            (Kind::UserGroup, 1) if broken => Some("CYCLE"),
            (Kind::SystemGroup, 2) if broken => Some("INVALID_GROUP_REFERENCE"),
            _ => None,
        }
    }

    /// How many members the rule would remove, where it only suggests.
    pub(crate) fn suggested_removals(&self) -> Option<i64> {
        let suggests = self.method == Method::Reviewed && self.kind == Kind::UserGroup;
        suggests.then_some(if self.number % 2 == 1 { 1 } else { 0 })
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
            if !self.old_row(profile) {
                row.string(
                    "membershipMethod",
                    match self.method {
                        Method::NotSet => "NOTSET",
                        Method::Static => "STATIC",
                        Method::Reviewed => "DYNAMIC_REVIEW_REQUIRED",
                        Method::Dynamic => "DYNAMIC_AUTOMATED",
                    },
                );
            }
            if self.ruled() {
                row.object("memberQuery", |query| {
                    query.string("queryType", "FilterQuery");
                    let filter = match self.kind {
                        Kind::UserGroup => RULE_ATTRIBUTES[self.number as usize % RULE_ATTRIBUTES.len()].1,
                        _ => "osFamily:eq:darwin",
                    };
                    query.strings("filters", &[filter]);
                });
                if let Some(error) = self.rule_error(profile) {
                    row.strings("memberQueryErrorFlags", &[error]);
                }
                row.array("memberQueryExemptions", |_| {});
            }
            if let Some(removals) = self.suggested_removals() {
                row.object("suggestionCounts", |counts| {
                    counts.number("add", 2);
                    counts.number("remove", removals);
                    counts.number("total", 2 + removals);
                });
            }
            row.boolean("memberSuggestionsNotify", false);
        });
    }
}
