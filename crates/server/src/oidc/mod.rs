//! Signing in with a provider of OpenID Connect: its settings. `flow.rs` ties a sign-in to one browser, `provider.rs` asks the
//! provider, `id_token.rs` judges what it says, and `admission.rs` decides who is let in. The pages are `pages/oidc.rs`.

mod admission;
mod fetch;
mod flow;
mod id_token;
mod provider;

use std::time::Duration;

use axum::http::StatusCode;
use secrecy::SecretString;

use crate::permission::Role;
use crate::problem::Problem;

pub(crate) use admission::admit;
pub(crate) use flow::{Flow, TERM};
pub(crate) use provider::Provider;

/// Where the provider sends the browser back to, below the address that people use.
pub(crate) const CALLBACK: &str = "/sign-in/oidc/callback";

/// A provider that people can sign in with, and who of them is let in.
#[derive(Debug, Clone)]
pub struct OidcSettings {
    /// The provider, exactly as it calls itself.
    pub issuer: String,
    /// What the provider calls this installation.
    pub client_id: String,
    /// What proves it to the provider; `None` for a public client, which PKCE alone protects.
    pub client_secret: Option<SecretString>,
    /// What people call the provider.
    pub label: String,
    /// What is asked for, with blanks between; `openid` is one of them.
    pub scopes: String,
    /// The claim with a person's groups.
    pub groups_claim: String,
    /// Groups whose members are let in, with the role of each.
    pub roles: Vec<(String, Role)>,
    /// If there are any, only addresses of these domains are linked and let in.
    pub domains: Vec<String>,
    /// The role of whoever has an address of these domains and is in none of the groups.
    pub default_role: Option<Role>,
    /// Longest that one answer of the provider may take.
    pub patience: Duration,
}

/// What a provider has proven of whoever signs in.
#[derive(Debug)]
pub(crate) struct Proven {
    /// What the provider calls the account, for ever.
    pub(crate) subject: String,
    /// The address, as it is written there.
    pub(crate) email: Option<String>,
    /// The provider has made sure that the address is theirs.
    pub(crate) is_verified: bool,
    /// The groups that it tells.
    pub(crate) groups: Vec<String>,
}

impl OidcSettings {
    /// Checks what can be told without asking the provider.
    pub(crate) fn check(&self) -> Result<(), String> {
        provider::checked_url("oidc.issuer", &self.issuer, false)?;
        if self.client_id.is_empty() {
            return Err("oidc.client_id is empty".to_owned());
        }
        if !self.scopes.split(' ').any(|scope| scope == "openid") {
            return Err("oidc.scopes must have openid among them".to_owned());
        }
        if self.default_role.is_some() && self.domains.is_empty() {
            return Err(
                "oidc.default_role lets in everybody whom the provider knows: say of which oidc.domains".to_owned()
            );
        }
        Ok(())
    }

    /// The role that the provider's word gives, if it gives one: the highest of the person's groups.
    fn role_of(&self, proven: &Proven) -> Option<Role> {
        let of_groups = self.roles.iter().filter(|(group, _)| proven.groups.contains(group)).map(|(_, role)| *role);
        let of_address = || self.default_role.filter(|_| proven.is_verified && self.is_of_a_domain(proven));
        // Roles are ordered from the one that may do most.
        of_groups.min().or_else(of_address)
    }

    /// Whether the address is of one of the domains, or any would do.
    fn is_of_a_domain(&self, proven: &Proven) -> bool {
        let domain = proven.email.as_deref().and_then(|email| email.rsplit_once('@')).map_or("", |(_, domain)| domain);
        self.domains.is_empty() || self.domains.iter().any(|other| other.eq_ignore_ascii_case(domain))
    }
}

/// The provider can not be asked, or what it says can not be used: nobody at the browser can do anything about it.
fn unusable(message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_GATEWAY, "oidc_provider", message)
        .help("Try again, or sign in with name and password. If it stays so, an administrator finds the reason in the audit log.")
}

/// What the provider says does not prove who signs in.
fn unproven(message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "oidc_unproven", message).help("Sign in again, from this page.")
}
