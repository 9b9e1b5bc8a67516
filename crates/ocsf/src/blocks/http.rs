//! `http_request`: the user agent, as far as JumpCloud passes it on, and the address that was asked for.

use crate::blocks::version::Version;
use crate::event::Event;
use crate::field::Field;
use crate::json::{Text, Value, Writer, key};

/// A request over HTTP.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Http<'a> {
    /// Name and version; the raw text is not in the event.
    agent: Option<(Text<'a>, Option<Version<'a>>)>,
    url: Option<Text<'a>>,
}

/// The parsed user agent, under either of its names; in the vendor's samples it is nested once more.
pub(crate) fn agent<'a>(event: &Event<'a>) -> Option<Value<'a>> {
    let agent = event.get(Field::UserAgent).or_else(|| event.get(Field::UserAgentNew))?;
    Some(agent.get("useragent").or_else(|| agent.get("user_agent")).unwrap_or(agent))
}

impl<'a> Http<'a> {
    pub(crate) fn of(event: &Event<'a>) -> Self {
        let named = || {
            let agent = agent(event)?;
            let name = agent.string().or_else(|| agent.text_of("name")).filter(|name| name.text != "Other")?;
            Some((name, Version::read(agent, "version", ["major", "minor", "patch"])))
        };
        Self {
            agent: named(),
            url: event.get(Field::Application).and_then(|application| application.get("sso_url")?.string()),
        }
    }

    /// The user agent as the inside of a string, if there is one.
    pub(crate) fn agent_letters(&self, to: &mut Writer<'_>) -> bool {
        let Some((name, version)) = &self.agent else { return false };
        to.letters(*name);
        if let Some(version) = version {
            to.raw("/");
            version.letters(to);
        }
        true
    }

    pub(crate) fn has_agent(&self) -> bool {
        self.agent.is_some()
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        if self.agent.is_none() && self.url.is_none() {
            return;
        }
        to.object(key!("http_request"), |to| {
            if self.has_agent() {
                to.raw(concat!(key!("user_agent"), "\""));
                self.agent_letters(to);
                to.raw("\",");
            }
            if let Some(url) = self.url {
                to.object(key!("url"), |to| to.text(key!("url_string"), url));
            }
        });
    }
}
