//! Users (`systemusers`): what is kept of each, how one is made up, and how its row is written.
//! Responsible for the row text of V1. Groups and bindings of users are in `group` and `graph`.

use crate::config::Character;
use crate::dice::Dice;
use crate::id::Id;
use crate::json::{self, Object};
use crate::oddity::Oddity;
use crate::state::table::Identified;
use crate::state::{Organization, Profile};
use crate::time::{DAY, HOUR};
use crate::words;

/// A user, compact enough to keep a million of them.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: Id,
    /// Counts up in the organization; decides name and mail address.
    pub(crate) number: u32,
    /// Changes of the personal details so far.
    pub(crate) revision: u32,
    pub(crate) created_at: i64,
    pub(crate) state: UserState,
    pub(crate) locked_at: Option<i64>,
    pub(crate) bad_logins: u8,
    pub(crate) mfa: Mfa,
    pub(crate) mfa_required: bool,
    pub(crate) mfa_excluded_until: Option<i64>,
    pub(crate) password_set_at: Option<i64>,
    pub(crate) password_never_expires: bool,
    pub(crate) password_expired: bool,
    pub(crate) sudo: bool,
    pub(crate) passwordless_sudo: bool,
    pub(crate) ssh_keys: u8,
    pub(crate) ldap_binding: bool,
    pub(crate) samba_service: bool,
    pub(crate) source: Source,
    pub(crate) manager: Option<Id>,
    pub(crate) administrator: Option<Id>,
    /// Which hostile string stands in the names, if any.
    pub(crate) hostile: Option<u8>,
}

/// The life cycle state of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserState {
    Staged,
    Activated,
    Suspended,
}

/// How far MFA enrolment of a user has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mfa {
    None,
    Totp,
    Push,
    WebAuthn,
    PushAndWebAuthn,
    JumpCloudGo,
    InEnrollment,
    EnrollmentExpired,
    Disabled,
    Pending,
    PreEnrollment,
}

/// Where a user came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Manual,
    ActiveDirectory,
    Scim,
    Federated,
}

impl Identified for User {
    fn id(&self) -> Id {
        self.id
    }
}

impl Mfa {
    /// Whether at least one factor is enrolled.
    pub(crate) fn enrolled(self) -> bool {
        matches!(self, Self::Totp | Self::Push | Self::WebAuthn | Self::PushAndWebAuthn | Self::JumpCloudGo)
    }

    /// Statuses in the order overall, TOTP, WebAuthn, push, JumpCloud Go.
    fn statuses(self) -> [&'static str; 5] {
        const NO: &str = "NOT_ENROLLED";
        const YES: &str = "ENROLLED";
        match self {
            Self::None => [NO; 5],
            Self::Totp => [YES, YES, NO, NO, NO],
            Self::Push => [YES, NO, NO, YES, NO],
            Self::WebAuthn => [YES, NO, YES, NO, NO],
            Self::PushAndWebAuthn => [YES, NO, YES, YES, NO],
            Self::JumpCloudGo => [YES, NO, NO, YES, YES],
            Self::InEnrollment => ["IN_ENROLLMENT", "IN_ENROLLMENT", NO, NO, NO],
            Self::EnrollmentExpired => ["ENROLLMENT_EXPIRED", NO, NO, "ENROLLMENT_EXPIRED", NO],
            Self::Disabled => ["DISABLED"; 5],
            Self::Pending => ["PENDING_ACTIVATION", NO, NO, "PENDING_ACTIVATION", NO],
            Self::PreEnrollment => ["PRE_ENROLLMENT", "PRE_ENROLLMENT", NO, NO, NO],
        }
    }
}

impl User {
    /// Makes up the user with this number as it joined at `created_at`.
    pub(crate) fn grow(profile: &Profile, number: u32, created_at: i64, now: i64) -> Self {
        let mut dice = Dice::of(profile.seed, "user", u64::from(number));
        let bad = profile.bad();
        let id = Id::new(created_at, dice.next());
        let state = match dice.below(1000) {
            0..40 => UserState::Suspended,
            40..90 => UserState::Staged,
            _ => UserState::Activated,
        };
        let mfa = if dice.permille(bad(20, 550, 180)) {
            *dice.pick(&[
                Mfa::None,
                Mfa::None,
                Mfa::None,
                Mfa::InEnrollment,
                Mfa::EnrollmentExpired,
                Mfa::Disabled,
                Mfa::Pending,
                Mfa::PreEnrollment,
            ])
        } else {
            *dice.pick(&[Mfa::Totp, Mfa::Push, Mfa::WebAuthn, Mfa::PushAndWebAuthn, Mfa::JumpCloudGo])
        };
        let locked_at = dice.permille(bad(2, 15, 6)).then(|| now - dice.below(3 * DAY as u64) as i64);
        let password_age = dice.below(bad(80, 900, 150).into()) as i64 * DAY + dice.below(DAY as u64) as i64;
        let sudo = dice.permille(bad(5, 120, 30));
        Self {
            id,
            number,
            revision: 0,
            created_at,
            state,
            locked_at,
            bad_logins: if locked_at.is_some() { 6 } else { dice.below(3) as u8 },
            mfa,
            mfa_required: !dice.permille(bad(5, 600, 150)),
            mfa_excluded_until: dice.permille(bad(3, 60, 20)).then(|| now + dice.below(60 * DAY as u64) as i64),
            password_set_at: (state != UserState::Staged).then(|| (now - password_age).max(created_at)),
            password_never_expires: dice.permille(bad(4, 250, 40)),
            password_expired: dice.permille(bad(5, 90, 20)),
            sudo,
            passwordless_sudo: sudo && dice.permille(bad(100, 500, 200)),
            ssh_keys: if dice.permille(250) { 1 + dice.below(3) as u8 } else { 0 },
            ldap_binding: dice.permille(bad(3, 40, 10)),
            samba_service: dice.permille(3),
            source: match dice.below(20) {
                0 => Source::ActiveDirectory,
                1 => Source::Scim,
                2 => Source::Federated,
                _ => Source::Manual,
            },
            manager: None,
            administrator: None,
            hostile: (profile.hostile && dice.permille(300)).then(|| (number % words::HOSTILE.len() as u32) as u8),
        }
    }

    /// The login name; unique in the organization.
    pub(crate) fn username(&self, profile: &Profile) -> String {
        let mut dice = Dice::of(profile.seed, "user name", u64::from(self.number));
        let first = dice.index(words::FIRST_NAMES_ASCII.len());
        let last = dice.index(words::LAST_NAMES_ASCII.len());
        format!("{}.{}{}", words::FIRST_NAMES_ASCII[first], words::LAST_NAMES_ASCII[last], self.number)
    }

    /// Appends the row of the V1 API.
    pub(crate) fn write(&self, organization: &Organization, out: &mut String) {
        let profile = &organization.profile;
        let mut dice = Dice::of(profile.seed, "user name", u64::from(self.number));
        let first = words::FIRST_NAMES[dice.index(words::FIRST_NAMES.len())];
        let last = words::LAST_NAMES[dice.index(words::LAST_NAMES.len())];
        let mut dice = Dice::of(profile.seed, "user details", u64::from(self.number));
        let home = dice.index(words::LOCATIONS.len());
        let department = dice.index(words::DEPARTMENTS.len());
        let title = dice.index(words::TITLES.len()) + self.revision as usize;
        let shape = dice.next();
        let username = self.username(profile);
        let hostile = self.hostile.map(|number| words::HOSTILE[usize::from(number)]);
        let old_row = profile.oddities.has(Oddity::OldRowsLackState) && shape.is_multiple_of(5);
        json::object(out, |row| {
            row.id("_id", self.id);
            row.id("id", self.id);
            row.boolean("account_locked", self.locked_at.is_some());
            if self.locked_at.is_some() || shape & 1 == 0 {
                row.optional_time("account_locked_date", self.locked_at);
            }
            row.boolean("activated", self.state != UserState::Staged);
            row.boolean("suspended", self.state == UserState::Suspended);
            if !old_row {
                row.string("state", self.state.as_str());
            }
            row.array("addresses", |list| {
                if shape & 0b110 == 0 {
                    list.object(|address| {
                        address.id("id", self.id.child(1));
                        address.string("type", "work");
                        address.string("locality", words::LOCATIONS[home]);
                        address.string("country", ["FI", "DE", "PL", "BR", "US", "JP", "NG", ""][home]);
                    });
                }
            });
            write_administrator(self, row);
            row.boolean("allow_public_key", true);
            row.string("alternateEmail", "");
            row.array("attributes", |list| {
                if shape & 0b1110_0000 == 0 {
                    list.object(|attribute| {
                        attribute.string("name", "badgeNumber");
                        attribute.string("value", &format!("{}", 10_000 + self.number));
                    });
                }
            });
            row.number("badLoginAttempts", i64::from(self.bad_logins));
            row.string("company", hostile.unwrap_or(&profile.name));
            row.string("costCenter", ["", "CC-100", "CC-200", "CC-300"][(shape >> 8) as usize % 4]);
            row.time("created", self.created_at);
            row.string(
                "creationSource",
                ["jumpcloud:bulk-import", "jumpcloud:manual", "jumpcloud:scim"][(shape >> 10) as usize % 3],
            );
            match self.source {
                Source::ActiveDirectory => row.object("delegatedAuthority", |authority| {
                    authority.id("id", self.id.child(2));
                    authority.string("name", "ActiveDirectory");
                }),
                _ => row.null("delegatedAuthority"),
            }
            row.string("department", words::DEPARTMENTS[department]);
            row.string("description", hostile.unwrap_or(""));
            row.boolean("disableDeviceMaxLoginAttempts", false);
            row.string("displayname", hostile.unwrap_or(&format!("{first} {last}")));
            row.string("email", &format!("{username}@{}", profile.domain));
            match shape >> 12 & 3 {
                0 => row.null("employeeIdentifier"),
                1 => row.string("employeeIdentifier", ""),
                _ => row.string("employeeIdentifier", &format!("E{:06}", self.number)),
            }
            row.string("employeeType", ["", "employee", "contractor"][(shape >> 14) as usize % 3]);
            row.boolean("enable_managed_uid", false);
            row.boolean("enable_user_portal_multifactor", self.mfa_required);
            write_source(self, &username, row);
            row.string("firstname", hostile.unwrap_or(first));
            row.string("middlename", "");
            row.string("lastname", hostile.unwrap_or(last));
            row.string("jobTitle", words::TITLES[title % words::TITLES.len()]);
            row.boolean("ldap_binding_user", self.ldap_binding);
            row.string("location", words::LOCATIONS[home]);
            match self.manager {
                Some(manager) => row.id("manager", manager),
                None if shape >> 16 & 1 == 0 => row.null("manager"),
                None => {}
            }
            row.string("managedAppleId", "");
            row.object("mfa", |mfa| {
                mfa.boolean("configured", self.mfa.enrolled());
                mfa.boolean("exclusion", self.mfa_excluded_until.is_some());
                if let Some(until) = self.mfa_excluded_until {
                    mfa.time("exclusionUntil", until);
                    mfa.number("exclusionDays", 7);
                }
            });
            if !old_row {
                let [overall, totp, web_authn, push, go] = self.mfa.statuses();
                row.object("mfaEnrollment", |mfa| {
                    mfa.string("overallStatus", overall);
                    mfa.string("totpStatus", totp);
                    mfa.string("webAuthnStatus", web_authn);
                    mfa.string("pushStatus", push);
                    mfa.string("jcGoStatus", go);
                });
            }
            row.id("organization", profile.id);
            match self.password_set_at {
                Some(at) => row.time("password_date", at),
                None if shape >> 17 & 1 == 0 => row.string("password_date", ""),
                None => row.null("password_date"),
            }
            match self.password_set_at {
                Some(at) if !self.password_never_expires => row.time("password_expiration_date", at + 90 * DAY),
                _ => row.null("password_expiration_date"),
            }
            row.boolean("password_expired", self.password_expired);
            row.boolean("password_never_expires", self.password_never_expires);
            row.boolean("passwordless_sudo", self.passwordless_sudo);
            row.array("phoneNumbers", |list| {
                if shape >> 18 & 3 == 0 {
                    list.object(|phone| {
                        phone.id("id", self.id.child(3));
                        phone.string("type", "mobile");
                        phone.string("number", &format!("+1 555 01{:02}", self.number % 100));
                    });
                }
            });
            row.object("recoveryEmail", |recovery| {
                if shape >> 20 & 1 == 0 {
                    recovery.string("address", &format!("{username}@personal.example"));
                    recovery.boolean("verified", true);
                    recovery.time("verifiedAt", self.created_at + HOUR);
                }
            });
            row.array("relationships", |_| {});
            row.boolean("samba_service_user", self.samba_service);
            write_ssh_keys(self, row);
            row.boolean("sudo", self.sudo);
            row.string("systemUsername", "");
            row.boolean("totp_enabled", self.mfa == Mfa::Totp);
            row.number("unix_guid", 5000 + i64::from(self.number));
            row.number("unix_uid", 5000 + i64::from(self.number));
            row.string("username", &username);
        });
    }
}

impl UserState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Staged => "STAGED",
            Self::Activated => "ACTIVATED",
            Self::Suspended => "SUSPENDED",
        }
    }
}

fn write_administrator(user: &User, row: &mut Object<'_>) {
    match user.administrator {
        Some(id) => row.object("admin", |admin| {
            admin.id("id", id);
            admin.string("roleName", "Administrator");
            admin.strings("roleNames", &["Administrator"]);
        }),
        None => row.null("admin"),
    }
}

fn write_source(user: &User, username: &str, row: &mut Object<'_>) {
    let (name, kind) = match user.source {
        Source::Manual => {
            row.string("external_dn", "");
            row.string("external_source_type", "");
            row.boolean("externally_managed", false);
            row.array("restrictedFields", |_| {});
            return;
        }
        Source::ActiveDirectory => ("activedirectory", "active_directory"),
        Source::Scim => ("scim", "scim"),
        Source::Federated => ("federated", "federated_identity_provider"),
    };
    row.string("external_dn", &format!("CN={username},OU=People,DC=corp,DC=example"));
    row.string("external_source_type", name);
    row.boolean("externally_managed", true);
    row.array("restrictedFields", |list| {
        list.object(|field| {
            field.string("field", "email");
            field.string("type", kind);
            field.id("id", user.id.child(4));
        });
    });
}

fn write_ssh_keys(user: &User, row: &mut Object<'_>) {
    row.array("ssh_keys", |list| {
        for number in 0..user.ssh_keys {
            list.object(|key| {
                key.id("_id", user.id.child(10 + u64::from(number)));
                key.string("name", ["laptop", "workstation", "backup"][usize::from(number) % 3]);
                key.time("create_date", user.created_at + i64::from(number + 1) * DAY);
                key.string(
                    "public_key",
                    &format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5SIM-SECRET-{} simulated", user.id.child(20)),
                );
            });
        }
    });
}

/// Spreads creation times over about five years before `now`.
pub(crate) fn creation_time(profile: &Profile, noun: &str, number: u32, now: i64) -> i64 {
    let mut dice = Dice::of(profile.seed, noun, u64::from(number) | 1 << 40);
    let span = match profile.character {
        Character::Growing => 2 * 365,
        _ => 6 * 365,
    };
    now - DAY - dice.below(span * DAY as u64) as i64
}
