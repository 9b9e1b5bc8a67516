//! `src_endpoint` and `dst_endpoint`.

use std::net::IpAddr;

use crate::blocks::http::agent;
use crate::blocks::location::Location;
use crate::blocks::os::Os;
use crate::event::Event;
use crate::facts::Named;
use crate::field::Field;
use crate::json::{Text, Value, Writer, key};

/// An end of a connection.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Endpoint<'a> {
    pub ip: Option<Text<'a>>,
    pub uid: Option<Text<'a>>,
    pub hostname: Option<Text<'a>>,
    pub name: Option<Text<'a>>,
    pub svc_name: Option<Text<'a>>,
    pub os: Option<Os<'a>>,
    pub location: Option<Location<'a>>,
}

impl<'a> Endpoint<'a> {
    /// Where a request came from: `client_ip`, `geoip`, the device that the person used (`auth_context.system`) and
    /// what the user agent says of it.
    pub(crate) fn source(event: &Event<'a>) -> Self {
        let system = event.get(Field::AuthContext).and_then(|context| context.get("system"));
        let mut endpoint = system.map(Self::of_system).unwrap_or_default();
        // Browsers say "10.15.7" for every newer macOS; the device knows better.
        endpoint.os = system.and_then(Os::of_system).or_else(|| agent(event).and_then(Os::of_agent));
        endpoint.ip = event.string(Field::ClientIp).filter(|text| is_address(text.text));
        endpoint.location = event.get(Field::Geoip).and_then(Location::read);
        endpoint
    }

    /// A device as the event names it: `id`, `hostname`, `displayName`.
    pub(crate) fn of_system(system: Value<'a>) -> Self {
        Self {
            uid: system.text_of("id"),
            hostname: system.text_of("hostname"),
            name: system.text_of("displayName"),
            ..Self::default()
        }
    }

    /// Whether it has what the schema asks of an endpoint.
    pub(crate) fn is_identified(&self) -> bool {
        [self.ip, self.uid, self.hostname, self.name, self.svc_name].iter().any(Option::is_some)
    }

    /// Nothing is known of where it came from.
    pub(crate) fn stand_in(&mut self) {
        *self = Self { svc_name: Some(Text::ours("JumpCloud")), ..Self::default() };
    }

    pub(crate) fn named(&self) -> Named<'a> {
        Named::new(self.uid, self.hostname.or(self.name))
    }

    pub(crate) fn write(&self, key: &str, to: &mut Writer<'_>) {
        if !self.is_identified() {
            return;
        }
        to.object(key, |to| {
            to.text_if(key!("ip"), self.ip);
            to.text_if(key!("uid"), self.uid);
            to.text_if(key!("hostname"), self.hostname);
            to.text_if(key!("name"), self.name);
            to.text_if(key!("svc_name"), self.svc_name);
            if let Some(os) = &self.os {
                os.write(to);
            }
            if let Some(location) = &self.location {
                location.write(to);
            }
        });
    }
}

/// Whether this is an IP address.
pub(crate) fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

/// Whether this is an address of the machine itself.
pub(crate) fn is_loopback(text: &str) -> bool {
    text == "localhost" || text.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}
