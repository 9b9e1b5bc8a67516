//! What a handler knows of a request: who asks, from where, with which query and form. Only the gate makes one.

use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use jiff::Timestamp;
use serde_json::Value;
use store::{ApiToken, AuditEntry, Person, Session};

use crate::App;
use crate::permission::{Permission, Role};
use crate::problem::Problem;
use crate::reading::Reading;

/// A request, whoever asks.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) app: App,
    pub(crate) address: String,
    pub(crate) agent: String,
    pub(crate) request_id: String,
    /// The host that was asked for; it is one that this server is known as.
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) query: Pairs,
    /// The version that a change is made to.
    pub(crate) if_match: String,
    /// The form, of a request that changes something.
    pub(crate) form: Pairs,
    pub(crate) now: Timestamp,
}

/// A request of somebody who may make it.
#[derive(Debug, Clone)]
pub(crate) struct Ctx {
    visit: Visit,
    pub(crate) person: Person,
    /// The role of the person.
    pub(crate) role: Role,
    /// The role that bounds the token, if it is a program: it may what both may.
    bound: Role,
    /// The session, if it is a browser.
    pub(crate) session: Option<Session>,
    /// The name of the token, if it is a program.
    pub(crate) token: Option<String>,
    /// The id of the session or of the token.
    identity: String,
    /// What every form of this session carries.
    pub(crate) form_token: String,
    /// The organization that the pages are about; all that the person may see, if `None`.
    pub(crate) org_id: Option<String>,
}

/// How somebody has shown who they are.
pub(crate) enum By {
    /// With a session; and the token that its forms carry.
    Session(Session, String),
    /// With a token for programs.
    Token(ApiToken),
}

fn role_of(word: &str) -> Result<Role, Problem> {
    Role::of_word(word).ok_or_else(|| Problem::forbidden(format!("the role {word:?} is not known to this version")))
}

/// Names and values, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pairs(pub(crate) Vec<(String, String)>);

impl Pairs {
    /// Reads `a=1&b=2`.
    pub(crate) fn read(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The value of a name, without blanks around it; `None` if there is none or it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut of_name = self.0.iter().filter(|(other, _)| other == name).map(|(_, value)| value.trim());
        of_name.find(|value| !value.is_empty())
    }

    /// All values of a name that are not empty.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.trim());
        of_name.filter(|value| !value.is_empty())
    }

    /// The value of a name, or an empty text.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// The value of a name as it came, blanks and all: for passwords.
    pub(crate) fn exact(&self, name: &str) -> &str {
        self.0.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value.as_str())
    }

    /// Whether a name or a value has a NUL in it.
    pub(crate) fn has_nul(&self) -> bool {
        self.0.iter().any(|(name, value)| name.contains('\0') || value.contains('\0'))
    }

    /// Whether a name is there, be it empty.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| other == name)
    }

    /// As a query, with one name set to another value, or left out.
    pub(crate) fn with(&self, name: &str, value: Option<&str>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (other, kept) in self.0.iter().filter(|(other, kept)| other != name && !kept.is_empty()) {
            query.append_pair(other, kept);
        }
        if let Some(value) = value {
            query.append_pair(name, value);
        }
        query.finish()
    }
}

impl Deref for Ctx {
    type Target = Visit;

    fn deref(&self) -> &Visit {
        &self.visit
    }
}

impl Ctx {
    pub(crate) fn new(visit: Visit, person: Person, by: By) -> Result<Self, Problem> {
        let role = role_of(&person.role)?;
        let (identity, session, token, bound, form_token) = match by {
            By::Session(session, form_token) => (session.id.clone(), Some(session), None, role, form_token),
            By::Token(token) => (token.id, None, Some(token.name), role_of(&token.scope)?, String::new()),
        };
        let org_id = visit.query.get("org").map(str::to_owned);
        let may_see = |org_id: &String| person.org_ids.as_ref().is_none_or(|ids| ids.contains(org_id));
        if org_id.as_ref().is_some_and(|org_id| !may_see(org_id)) {
            return Err(Problem::not_found("there is no such organization"));
        }
        Ok(Self { visit, person, role, bound, session, token, identity, form_token, org_id })
    }

    /// The time in the past that the address asks for: a day means its end, and today means now.
    pub(crate) fn as_of(&self) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.query.get("as_of") else { return Ok(None) };
        let at = collect::when::parse_moment(text).map_err(Problem::bad)?;
        if at > self.now + jiff::SignedDuration::from_hours(24) {
            return Err(Problem::bad(format!("{text} is in the future; nothing is known of it")));
        }
        Ok(Some(at).filter(|at| *at <= self.now))
    }

    /// What tells this session or token from all others.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// Reads what this person may see.
    pub(crate) fn read(&self) -> Reading<'_> {
        Reading::new(&self.app.store, self.person.org_ids.as_deref(), self.org_id.as_deref())
    }

    /// Whether a button for it makes sense.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.role.may(permission) && self.bound.may(permission)
    }

    /// Whether the person may see every organization.
    pub(crate) fn sees_everything(&self) -> bool {
        self.person.org_ids.is_none()
    }

    /// Who did it, as the history of runs and findings calls them.
    pub(crate) fn by(&self) -> String {
        match &self.token {
            Some(token) => format!("{} (token {token})", self.person.name),
            None => self.person.name.clone(),
        }
    }

    /// Writes into the audit log what is done now. What can not be written is not done.
    pub(crate) async fn audit(
        &self,
        action: &str,
        object: &str,
        org_id: Option<&str>,
        detail: Value,
    ) -> Result<(), Problem> {
        self.audit_line(action, object, org_id, detail, "done").await
    }

    /// Writes into the audit log what is about to be tried, which may well fail: [`Ctx::audit_ended`] tells how it went. What
    /// can not be written is not tried.
    pub(crate) async fn audit_begun(
        &self,
        action: &str,
        object: &str,
        org_id: Option<&str>,
        detail: Value,
    ) -> Result<(), Problem> {
        self.audit_line(action, object, org_id, detail, "begun").await
    }

    /// Writes into the audit log how it went, and why it failed if it did.
    pub(crate) async fn audit_ended(&self, action: &str, object: &str, org_id: Option<&str>, failure: Option<String>) {
        let outcome = if failure.is_some() { "failed" } else { "done" };
        let detail = failure.map_or_else(|| serde_json::json!({}), |why| serde_json::json!({ "why": why }));
        // What was done, or the failure itself, is what the person has to hear of.
        let _ = self.audit_line(action, object, org_id, detail, outcome).await;
    }

    async fn audit_line(
        &self,
        action: &str,
        object: &str,
        org_id: Option<&str>,
        detail: Value,
        outcome: &str,
    ) -> Result<(), Problem> {
        let kind = if self.token.is_some() { "token" } else { "person" };
        self.visit.audit_as(&self.by(), kind, action, object, org_id, detail, outcome).await
    }
}

impl Visit {
    /// Where the request comes from, without the port.
    pub(crate) fn remote_host(&self) -> &str {
        self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host)
    }

    /// Writes a line into the audit log.
    #[expect(clippy::too_many_arguments, reason = "each is one column of the log")]
    pub(crate) async fn audit_as(
        &self,
        actor: &str,
        actor_kind: &str,
        action: &str,
        object: &str,
        org_id: Option<&str>,
        detail: Value,
        outcome: &str,
    ) -> Result<(), Problem> {
        let entry = AuditEntry {
            at: self.now,
            actor: actor.to_owned(),
            actor_kind: actor_kind.to_owned(),
            address: self.address.clone(),
            org_id: org_id.map(str::to_owned),
            action: action.to_owned(),
            object: object.to_owned(),
            detail,
            outcome: outcome.to_owned(),
            request_id: self.request_id.clone(),
        };
        self.app.store.audit(&entry).await.map_err(Problem::internal)?;
        Ok(())
    }
}

impl FromRequestParts<App> for Ctx {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let here = parts.extensions.get::<Self>().cloned();
        here.ok_or_else(|| Problem::internal("a route that is open to nobody asks for a person"))
    }
}

impl FromRequestParts<App> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let here = parts.extensions.get::<Self>().cloned();
        here.ok_or_else(|| Problem::internal("a route without a gate"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_changed_in_one_place_and_keeps_the_rest() {
        let query = Pairs::read(b"type=user&q=a%26b&page=3&empty=");
        assert_eq!(query.get("q"), Some("a&b"));
        assert_eq!(query.get("empty"), None);
        assert_eq!(query.with("page", None), "type=user&q=a%26b");
        assert_eq!(query.with("page", Some("4")), "type=user&q=a%26b&page=4");
    }
}
