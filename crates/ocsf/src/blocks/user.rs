//! `user`: from `initiated_by`, `resource` or an end of an association.

use crate::blocks::caption;
use crate::facts::{Named, PersonKind};
use crate::json::{Text, Value, Writer, key};

/// A person, an administrator or an account of a program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct User<'a> {
    pub uid: Option<Text<'a>>,
    pub name: Option<Text<'a>>,
    pub email: Option<Text<'a>>,
    pub type_id: u8,
    pub type_name: Text<'a>,
    /// Whether `org` says the tenant.
    pub of_tenant: bool,
    pub has_mfa: Option<bool>,
}

impl<'a> User<'a> {
    /// Reads a user; nothing without an id or a name.
    pub(crate) fn read(value: Value<'a>) -> Option<Self> {
        let (mut uid, mut object_id, mut email, mut recipient) = (None, None, None, None);
        let (mut username, mut name, mut kind) = (None, None, None);
        for (key, member) in value.members() {
            let slot = match key.text {
                "id" => &mut uid,
                "object_id" => &mut object_id,
                "username" => &mut username,
                "name" => &mut name,
                "email" => &mut email,
                "recipient_email" => &mut recipient,
                "type" => &mut kind,
                _ => continue,
            };
            if let Some(text) = member.text() {
                *slot = Some(text);
            }
        }
        let (type_id, type_name) = type_of(kind);
        let user = Self {
            uid: uid.or(object_id),
            name: username.or(name).or(email).or(recipient),
            email: email.or(recipient).filter(|email| is_address(email.text)),
            type_id,
            type_name,
            of_tenant: true,
            has_mfa: None,
        };
        (user.uid.is_some() || user.name.is_some()).then_some(user)
    }

    /// Somebody of whom only the user name is told.
    pub(crate) fn called(name: Text<'a>) -> Self {
        Self { name: Some(name), type_id: 1, type_name: Text::ours("User"), ..Self::unknown() }
    }

    /// Somebody of whom nothing is told.
    pub(crate) fn unknown() -> Self {
        Self {
            uid: None,
            name: Some(Text::ours("unknown")),
            email: None,
            type_id: 0,
            type_name: Text::ours("Unknown"),
            of_tenant: true,
            has_mfa: None,
        }
    }

    /// The same person, who is an administrator.
    pub(crate) fn as_administrator(mut self) -> Self {
        (self.type_id, self.type_name) = (2, Text::ours("Admin"));
        self
    }

    pub(crate) fn named(&self) -> Named<'a> {
        // Nobody is called "unknown": that is only written where the schema wants a name.
        let known = self.uid.is_some() || self.type_id != 0 || self.name.is_some_and(|name| name.text != "unknown");
        if known { Named::new(self.uid, self.name) } else { Named::default() }
    }

    pub(crate) fn kind(&self) -> PersonKind {
        match self.type_id {
            0 => PersonKind::Unknown,
            1 => PersonKind::User,
            2 => PersonKind::Administrator,
            3 => PersonKind::System,
            _ => PersonKind::Other,
        }
    }

    /// Whether both are the same one.
    pub(crate) fn is(&self, other: &User<'_>) -> bool {
        match (self.uid, other.uid) {
            (Some(uid), Some(theirs)) => uid.text == theirs.text,
            _ => self.name.map(|name| name.text) == other.name.map(|name| name.text),
        }
    }

    pub(crate) fn write(&self, key: &str, tenant: Option<Text<'_>>, to: &mut Writer<'_>) {
        to.object(key, |to| {
            to.text_if(key!("uid"), self.uid);
            to.text_if(key!("name"), self.name);
            to.text_if(key!("email_addr"), self.email);
            to.integer(key!("type_id"), self.type_id);
            to.text(key!("type"), self.type_name);
            if let Some(has_mfa) = self.has_mfa {
                to.boolean(key!("has_mfa"), has_mfa);
            }
            if let Some(tenant) = tenant.filter(|_| self.of_tenant) {
                to.object(key!("org"), |to| to.text(key!("uid"), tenant));
            }
        });
    }
}

fn type_of(kind: Option<Text<'_>>) -> (u8, Text<'_>) {
    let Some(kind) = kind else { return (0, Text::ours("Unknown")) };
    match kind.text {
        "user" | "systemuser" | "system_user" => (1, Text::ours("User")),
        "admin" | "administrator" => (2, Text::ours("Admin")),
        "system" => (3, Text::ours("System")),
        "service_account" | "serviceaccount" | "service account" | "service-account" | "service" => {
            (4, Text::ours("Service"))
        }
        _ => (99, caption::other(kind)),
    }
}

/// Whether a text has the form that the schema asks of `email_t`.
pub(crate) fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_local = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+,-./=?^_`{|}~".contains(&byte);
    let Some((host, rest)) = domain.split_once('.') else { return false };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !local.is_empty()
        && local.bytes().all(is_local)
        && !host.is_empty()
        && host.bytes().all(is_host)
        && !rest.is_empty()
        && rest.bytes().all(|byte| is_host(byte) || byte == b'.')
}
