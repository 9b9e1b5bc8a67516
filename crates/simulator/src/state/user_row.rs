//! The V1 row of a user, section by section.
//! Responsible for names, order and presence of fields. The facts come from `user`.

use crate::json::{self, Object};
use crate::state::user::{Mfa, NO_END, Source, User, UserState};
use crate::state::{Organization, Profile};
use crate::time::{DAY, HOUR};
use crate::words;

/// Details that follow from the number of a user.
struct Details<'a> {
    organization: &'a Organization,
    username: String,
    first: &'static str,
    last: &'static str,
    home: usize,
    department: usize,
    title: usize,
    /// Stands in the place of names, when the organization is a hostile one.
    hostile: Option<&'static str>,
    /// Decides what means nothing to anyone, bit by bit.
    shape: u64,
    /// Whether the row lacks what was invented after 2021.
    old: bool,
}

impl User {
    /// Appends the row of the V1 API.
    pub(crate) fn write(&self, organization: &Organization, out: &mut String) {
        let details = Details::of(self, organization);
        json::object(out, |row| {
            self.write_account(&details, row);
            self.write_person(&details, row);
            self.write_protection(&details, row);
            self.write_origin(&details, row);
        });
    }

    /// State, rights and numbers of the account.
    fn write_account(&self, details: &Details<'_>, row: &mut Object<'_>) {
        let Details { shape, old, .. } = *details;
        row.id("_id", self.id);
        row.id("id", self.id);
        row.boolean("account_locked", self.locked_at.is_some());
        if self.locked_at.is_some() || shape & 1 == 0 {
            row.optional_time("account_locked_date", self.locked_at);
        }
        row.boolean("activated", self.state != UserState::Staged && !self.invited);
        row.boolean("suspended", self.state == UserState::Suspended);
        if !old {
            row.string("state", self.state.as_str());
        }
        row.boolean("allow_public_key", true);
        row.number("badLoginAttempts", i64::from(self.bad_logins));
        row.boolean("disableDeviceMaxLoginAttempts", false);
        row.boolean("enable_managed_uid", false);
        row.boolean("ldap_binding_user", self.ldap_binding);
        row.id("organization", details.organization.profile.id);
        row.boolean("passwordless_sudo", self.passwordless_sudo);
        row.boolean("samba_service_user", self.samba_service);
        row.boolean("sudo", self.sudo);
        row.string("systemUsername", "");
        row.number("unix_guid", 5000 + i64::from(self.number));
        row.number("unix_uid", 5000 + i64::from(self.number));
        row.string("username", &details.username);
        write_administrator(self, row);
        write_ssh_keys(self, &details.organization.profile, row);
    }

    /// Names, work and addresses.
    fn write_person(&self, details: &Details<'_>, row: &mut Object<'_>) {
        let Details { username, first, last, home, shape, hostile, .. } = details;
        let profile = &details.organization.profile;
        row.array("addresses", |list| {
            if shape & 0b110 == 0 {
                list.object(|address| {
                    address.id("id", self.id.child(1));
                    address.string("type", "work");
                    address.string("locality", words::LOCATIONS[*home]);
                    address.string("country", ["FI", "DE", "PL", "BR", "US", "JP", "NG", ""][*home]);
                });
            }
        });
        row.string("alternateEmail", "");
        row.array("attributes", |list| {
            if shape & 0b1110_0000 == 0 {
                list.object(|attribute| {
                    attribute.string("name", "badgeNumber");
                    attribute.string("value", &format!("{}", 10_000 + self.number));
                });
            }
        });
        row.string("company", hostile.unwrap_or(&profile.name));
        row.string("costCenter", ["", "CC-100", "CC-200", "CC-300"][(shape >> 8) as usize % 4]);
        row.string("department", words::DEPARTMENTS[details.department]);
        row.string("description", hostile.unwrap_or(""));
        row.string("displayname", hostile.unwrap_or(&format!("{first} {last}")));
        row.string("email", &format!("{username}@{}", profile.domain));
        match shape >> 12 & 3 {
            0 => row.null("employeeIdentifier"),
            1 => row.string("employeeIdentifier", ""),
            _ => row.string("employeeIdentifier", &format!("E{:06}", self.number)),
        }
        row.string("employeeType", ["", "employee", "contractor"][(shape >> 14) as usize % 3]);
        row.string("firstname", hostile.unwrap_or(first));
        row.string("middlename", "");
        row.string("lastname", hostile.unwrap_or(last));
        row.string("jobTitle", words::TITLES[details.title % words::TITLES.len()]);
        row.string("location", words::LOCATIONS[*home]);
        match self.manager {
            Some(manager) => row.id("manager", manager),
            None if shape >> 16 & 1 == 0 => row.null("manager"),
            None => {}
        }
        row.string("managedAppleId", "");
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
    }

    /// Factors and password.
    fn write_protection(&self, details: &Details<'_>, row: &mut Object<'_>) {
        let Details { shape, old, .. } = *details;
        row.boolean("enable_user_portal_multifactor", self.mfa_required);
        let silent = self.silent_about_mfa(&details.organization.profile);
        if !silent {
            row.boolean("totp_enabled", self.mfa == Mfa::Totp);
        }
        row.object("mfa", |mfa| {
            if !silent {
                mfa.boolean("configured", self.mfa.enrolled());
            }
            mfa.boolean("exclusion", self.mfa_excluded_until.is_some());
            if let Some(until) = self.mfa_excluded_until.filter(|until| *until != NO_END) {
                mfa.time("exclusionUntil", until);
                mfa.number("exclusionDays", 7);
            }
        });
        if !old {
            let [overall, totp, web_authn, push, go] = self.mfa.statuses();
            row.object("mfaEnrollment", |mfa| {
                mfa.string("overallStatus", overall);
                mfa.string("totpStatus", totp);
                mfa.string("webAuthnStatus", web_authn);
                mfa.string("pushStatus", push);
                mfa.string("jcGoStatus", go);
            });
        }
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
    }

    /// Where the account came from and who rules it.
    fn write_origin(&self, details: &Details<'_>, row: &mut Object<'_>) {
        let Details { shape, .. } = *details;
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
        write_source(self, &details.username, row);
    }
}

impl<'a> Details<'a> {
    fn of(user: &User, organization: &'a Organization) -> Self {
        let profile = &organization.profile;
        let mut dice = profile.dice("user name", u64::from(user.number));
        let first = dice.index(words::FIRST_NAMES.len());
        let last = dice.index(words::LAST_NAMES.len());
        let mut dice = profile.dice("user details", u64::from(user.number));
        let home = dice.index(words::LOCATIONS.len());
        let department = dice.index(words::DEPARTMENTS.len());
        let title = dice.index(words::TITLES.len()) + user.revision as usize;
        let shape = user.shape(profile);
        Self {
            organization,
            username: user.username(profile),
            first: words::FIRST_NAMES[first],
            last: words::LAST_NAMES[last],
            home,
            department,
            title,
            hostile: user.hostile.map(|number| words::HOSTILE[usize::from(number)]),
            shape,
            old: user.old_row(profile),
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

fn write_ssh_keys(user: &User, profile: &Profile, row: &mut Object<'_>) {
    row.array("ssh_keys", |list| {
        for number in 0..user.ssh_keys {
            list.object(|key| {
                key.id("_id", user.ssh_key_id(number));
                key.string("name", ["laptop", "workstation", "backup"][usize::from(number) % 3]);
                key.time("create_date", user.created_at + i64::from(number + 1) * DAY);
                key.string(
                    "public_key",
                    // Readers keep a fingerprint and not the line: its comment is marked like a secret.
                    &format!("{} SIM-SECRET-{}", user.ssh_key(profile, number).text(), user.id.child(20)),
                );
            });
        }
    });
}
