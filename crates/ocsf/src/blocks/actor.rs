//! `actor`: who did it, through what, and what allowed it.

use crate::blocks::user::User;
use crate::event::Event;
use crate::field::Field;
use crate::json::{Text, Value, Writer, key};

/// Who did it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Actor<'a> {
    pub user: Option<User<'a>>,
    pub app_name: Option<Text<'a>>,
    /// `auth_context.policies_applied`.
    pub policies: Option<Value<'a>>,
}

impl<'a> Actor<'a> {
    pub(crate) fn of(event: &Event<'a>) -> Self {
        let initiator = event.get(Field::InitiatedBy);
        let source = initiator.and_then(|initiator| {
            let named = initiator.get("source_metadata").and_then(|metadata| metadata.text_of("name"));
            named.or_else(|| initiator.text_of("source"))
        });
        let channel = || match event.text_of(Field::AuthMethod)? {
            "session" => Some(Text::ours("JumpCloud Admin Portal")),
            "api key" | "api-key" => Some(Text::ours("JumpCloud API")),
            _ => None,
        };
        let is_ldap = event.is(Field::Service, "ldap");
        Self {
            user: initiator.and_then(User::read),
            app_name: source.or_else(|| if is_ldap { None } else { channel() }),
            policies: event
                .get(Field::AuthContext)
                .and_then(|context| context.get("policies_applied"))
                .filter(|policies| policies.elements().any(says_something)),
        }
    }

    /// Nobody known did it: it was JumpCloud.
    pub(crate) fn require(&mut self) {
        if self.is_empty() {
            self.app_name = Some(Text::ours("JumpCloud"));
        }
    }

    /// `authorizations` alone make no actor.
    pub(crate) fn is_empty(&self) -> bool {
        self.user.is_none() && self.app_name.is_none()
    }

    pub(crate) fn write(&self, tenant: Option<Text<'_>>, to: &mut Writer<'_>) {
        if self.is_empty() {
            return;
        }
        to.object(key!("actor"), |to| {
            if let Some(user) = &self.user {
                user.write(key!("user"), tenant, to);
            }
            to.text_if(key!("app_name"), self.app_name);
            if let Some(policies) = self.policies {
                to.array(key!("authorizations"), |to| {
                    for policy in policies.elements().filter(|policy| says_something(*policy)) {
                        write_authorization(policy, to);
                    }
                });
            }
        });
    }
}

fn says_something(policy: Value<'_>) -> bool {
    policy.text_of("name").is_some() || policy.text_of("id").is_some() || decision(policy).is_some()
}

fn decision(policy: Value<'_>) -> Option<Text<'_>> {
    let action = policy.get("metadata")?.text_of("action")?;
    Some(match action.text {
        "ALLOW" | "allow" => Text::ours("Allow"),
        "DENY" | "deny" => Text::ours("Deny"),
        _ => action,
    })
}

fn write_authorization(policy: Value<'_>, to: &mut Writer<'_>) {
    to.element(|to| {
        to.text_if(key!("decision"), decision(policy));
        let (uid, name) = (policy.text_of("id"), policy.text_of("name"));
        if uid.is_some() || name.is_some() {
            to.object(key!("policy"), |to| {
                to.text_if(key!("uid"), uid);
                to.text_if(key!("name"), name);
            });
        }
    });
}
