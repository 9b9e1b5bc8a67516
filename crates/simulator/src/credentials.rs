//! Keys, tokens and roles: who is asking, and on which organization the call acts.
//! Responsible for authentication and for the rules of `x-org-id`. Rights of single routes are checked by the routes.

use std::collections::HashMap;

use serde::Serialize;

use crate::call::{Answer, Call, HTML};
use crate::dice::Dice;
use crate::id::Id;
use crate::oddity::Oddity;
use crate::state::Organization;
use crate::time::HOUR;

/// The credentials of one organization, in every condition a key can be in.
#[derive(Clone, Debug, Serialize)]
pub struct Credentials {
    /// Organization id to send as `x-org-id`.
    pub organization: Id,
    /// A working key of the Read Only role.
    pub read_only: String,
    /// A working key of Administrator With Billing; it could write.
    pub administrator: String,
    /// A working key of Command Runner: 403 on Directory Insights.
    pub command_runner: String,
    /// A working key of Help Desk.
    pub help_desk: String,
    /// A key past its end.
    pub expired: String,
    /// A key that was revoked.
    pub revoked: String,
    /// A key of another region.
    pub wrong_region: String,
    /// A key of the provider (MTP) that sees every organization, when there is a provider.
    pub mtp: Option<String>,
    /// OAuth client credentials of a service account.
    pub service_account: ServiceAccount,
}

/// A service account whose secrets can be rotated without a gap.
#[derive(Clone, Debug, Serialize)]
pub struct ServiceAccount {
    /// The client id.
    pub client_id: String,
    /// Two secrets that work at the same time.
    pub client_secrets: [String; 2],
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    ReadOnly,
    Billing,
    CommandRunner,
    HelpDesk,
}

impl Role {
    /// The role's name as the console and the API tell it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "Read Only",
            Self::Billing => "Administrator With Billing",
            Self::CommandRunner => "Command Runner",
            Self::HelpDesk => "Help Desk",
        }
    }
}

/// Who a key belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Principal {
    /// The organization of the administrator; `None` for administrators of the provider.
    pub(crate) home: Option<usize>,
    pub(crate) role: Role,
}

/// A call that was let in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    pub(crate) principal: Principal,
    /// The organization the call acts on; `None` on organization-level routes of the provider.
    pub(crate) organization: Option<usize>,
}

/// All keys and tokens.
#[derive(Debug, Default)]
pub(crate) struct KeyRing {
    keys: HashMap<String, (Principal, bool)>,
    tokens: HashMap<String, (Principal, i64)>,
    pub(crate) credentials: Vec<Credentials>,
    seed: u64,
    made: u64,
}

impl KeyRing {
    /// Makes the keys of all organizations.
    pub(crate) fn new(seed: u64, organizations: &[Organization], provider: bool) -> Self {
        let mut ring = Self { seed, ..Self::default() };
        let mtp = provider.then(|| ring.issue(Principal { home: None, role: Role::ReadOnly }));
        for (number, organization) in organizations.iter().enumerate() {
            let principal = |role| Principal { home: Some(number), role };
            let credentials = Credentials {
                organization: organization.profile.id,
                read_only: ring.issue(principal(Role::ReadOnly)),
                administrator: ring.issue(principal(Role::Billing)),
                command_runner: ring.issue(principal(Role::CommandRunner)),
                help_desk: ring.issue(principal(Role::HelpDesk)),
                expired: ring.make(),
                revoked: ring.make(),
                wrong_region: ring.make(),
                mtp: mtp.clone(),
                service_account: ServiceAccount {
                    client_id: format!("client-{}", organization.profile.id),
                    client_secrets: [ring.make(), ring.make()],
                },
            };
            ring.credentials.push(credentials);
        }
        ring
    }

    /// Gives a new read-only key to an organization; the old one stops working at once.
    pub(crate) fn replace(&mut self, organization: usize) -> String {
        let old = self.credentials[organization].read_only.clone();
        self.expire(&old);
        let key = self.issue(Principal { home: Some(organization), role: Role::ReadOnly });
        self.credentials[organization].read_only.clone_from(&key);
        key
    }

    /// Ends a key or token.
    pub(crate) fn expire(&mut self, key: &str) {
        if let Some((_, valid)) = self.keys.get_mut(key) {
            *valid = false;
        }
        self.tokens.remove(key);
    }

    /// Ends every key and token.
    pub(crate) fn revoke_all(&mut self) {
        self.keys.values_mut().for_each(|(_, valid)| *valid = false);
        self.tokens.clear();
    }

    /// Makes every key that was ever issued work again.
    pub(crate) fn restore_all(&mut self) {
        self.keys.values_mut().for_each(|(_, valid)| *valid = true);
    }

    /// Exchanges client id and secret for a token that lasts an hour.
    pub(crate) fn token(&mut self, client_id: &str, secret: &str, now: i64) -> Option<String> {
        let number = self.credentials.iter().position(|credentials| {
            let account = &credentials.service_account;
            account.client_id == client_id && account.client_secrets.iter().any(|known| known == secret)
        })?;
        let token = self.make().replace("jca_", "tok_");
        self.tokens.insert(token.clone(), (Principal { home: Some(number), role: Role::ReadOnly }, now + HOUR));
        Some(token)
    }

    /// Lets a call in, or says how it is turned away.
    pub(crate) fn admit(&self, call: &Call, organizations: &[Organization], now: i64) -> Result<Access, Answer> {
        let bearer = call.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let principal = match (call.header("x-api-key"), bearer) {
            (Some(key), _) => self.keys.get(key).filter(|(_, valid)| *valid).map(|(principal, _)| *principal),
            (None, Some(token)) => {
                self.tokens.get(token).filter(|(_, ends)| now < *ends).map(|(principal, _)| *principal)
            }
            (None, None) => return Err(keyless(call, organizations)),
        };
        let Some(principal) = principal else {
            return Err(Answer::error(401, "Unauthorized", "Unauthorized: api key user not found"));
        };
        let wanted = call.header("x-org-id").map(str::trim).filter(|text| !text.is_empty());
        let insights = call.segments.first().is_some_and(|part| part == "insights");
        if is_organization_level(&call.parts()) {
            let refused = organizations
                .iter()
                .any(|organization| organization.profile.oddities.has(Oddity::OrganizationHeaderRefused));
            if wanted.is_some() && refused {
                let message = "Forbidden: organization selection not allowed via header";
                return Err(Answer::error(403, message, message));
            }
            return Ok(Access { principal, organization: principal.home });
        }
        let chosen = wanted
            .and_then(|text| organizations.iter().position(|organization| organization.profile.id.to_string() == text));
        match (principal.home, wanted) {
            // The official exporter says that Directory Insights wants the header from every token.
            (Some(_), None) if insights && bearer.is_some() && call.header("x-api-key").is_none() => {
                Err(no_organization())
            }
            (Some(home), None) => Ok(Access { principal, organization: Some(home) }),
            (Some(home), Some(_)) if chosen == Some(home) => Ok(Access { principal, organization: Some(home) }),
            (Some(_), Some(_)) => Err(Answer::message(401, "Unauthorized")),
            (None, Some(_)) if chosen.is_some() => Ok(Access { principal, organization: chosen }),
            (None, Some(_)) => Err(Answer::message(401, "Unauthorized")),
            // Events of the multi-tenant portal belong to no organization.
            (None, None) if insights && call.header("x-provider-id").is_some() => {
                Ok(Access { principal, organization: None })
            }
            (None, None) => match organizations.first() {
                Some(first) if first.profile.oddities.has(Oddity::SilentDefaultOrganization) => {
                    Ok(Access { principal, organization: Some(0) })
                }
                _ => Err(no_organization()),
            },
        }
    }

    fn issue(&mut self, principal: Principal) -> String {
        let key = self.make();
        self.keys.insert(key.clone(), (principal, true));
        key
    }

    fn make(&mut self) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        self.made += 1;
        let mut dice = Dice::of(self.seed, "key", self.made);
        let letters: String = (0..36).map(|_| char::from(*dice.pick(LETTERS))).collect();
        format!("jca_{letters}")
    }
}

/// Routes about organizations themselves, where the organization cannot be chosen by header.
pub(crate) fn is_organization_level(parts: &[&str]) -> bool {
    matches!(
        parts,
        ["api", "search", "organizations"]
            | ["api", "organizations" | "users", ..]
            | ["api", "v2", "organizations" | "administrators" | "providers" | "integrations", ..]
    )
}

fn no_organization() -> Answer {
    Answer::message(401, "Unauthorized: no organization selected")
}

/// The console sends people without a key to its login page; the host of Directory Insights has none.
fn keyless(call: &Call, organizations: &[Organization]) -> Answer {
    let console = call.segments.first().is_some_and(|part| part == "api");
    let redirects =
        console && organizations.first().is_none_or(|first| first.profile.oddities.has(Oddity::MissingKeyRedirects));
    if redirects {
        let body = "Found. Redirecting to /login".to_owned();
        return Answer { status: 302, headers: vec![("location", "/login".to_owned())], content_type: HTML, body };
    }
    Answer::error(401, "Unauthorized", "Unauthorized")
}
