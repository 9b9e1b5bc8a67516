//! Sign-ins of every kind -> Authentication (3002), always Logon; a failed one is a Logon that failed.

use crate::blocks::actor::Actor;
use crate::blocks::endpoint::{Endpoint, is_address, is_loopback};
use crate::blocks::factors::Factors;
use crate::blocks::service::Service;
use crate::blocks::user::User;
use crate::event::Event;
use crate::event_type::EventType;
use crate::field::Field;
use crate::json::{Text, Value};
use crate::mapping::{Labels, Mapping};

const ADMIN_PORTAL: Service<'static> = Service::ours("admin_portal", "JumpCloud Admin Portal");
const USER_PORTAL: Service<'static> = Service::ours("user_portal", "JumpCloud User Portal");
const RADIUS: Service<'static> = Service::ours("radius", "JumpCloud RADIUS");
const LDAP: Service<'static> = Service::ours("ldap", "JumpCloud LDAP");
const PASSWORD_MANAGER: Service<'static> = Service::ours("password_manager", "JumpCloud Password Manager");
const JUMPCLOUD: Service<'static> = Service::ours("jumpcloud", "JumpCloud");

pub(super) fn map<'a>(event: &Event<'a>, line: &EventType) -> Mapping<'a> {
    let mut mapping = Mapping::begin(event, line);
    mapping.user = who(event, &mapping.actor);
    let name = mapping.user.as_ref().and_then(|user| user.name);
    if name.is_some_and(|name| event.is(Field::Username, name.text)) {
        mapping.maps(Field::Username);
    }
    // An actor beside the user says only one thing more: which policies were applied.
    let policies = mapping.actor.policies;
    mapping.actor = Actor { user: mapping.user.filter(|_| policies.is_some()), app_name: None, policies };
    mapping.factors = Factors::of(event);
    match event.get(Field::Mfa).and_then(Value::boolean) {
        Some(mfa) => {
            mapping.is_mfa = Some(mfa);
            mapping.maps(Field::Mfa);
        }
        None => mapping.is_mfa = mapping.factors.is_mfa(),
    }
    match line.name {
        "admin_login_attempt" => {
            mapping.service = Some(ADMIN_PORTAL);
            mapping.is_remote = Some(true);
            mapping.user = mapping.user.map(User::as_administrator);
            if mapping.outcome.is_failure() {
                mapping.severity_id = 3;
            }
        }
        "user_login_attempt" => {
            mapping.service = Some(USER_PORTAL);
            mapping.is_remote = Some(true);
        }
        "sso_auth" => sso(event, &mut mapping),
        "radius_auth" | "radius_auth_attempt" => {
            mapping.service = Some(RADIUS);
            mapping.auth_protocol_id = Some(10);
        }
        "ldap_bind" => {
            mapping.service = Some(LDAP);
            mapping.auth_protocol_id = Some(12);
            mapping.session = event.text(Field::ConnectionId);
            mapping.is_cleartext = is_cleartext(event);
        }
        "login_attempt" => device(event, &mut mapping),
        "passwordmanager_app_unlock" | "passwordmanager_extension_unlock" => {
            mapping.service = Some(PASSWORD_MANAGER);
            mapping.logon_type_id = Some(7);
        }
        "saas_management_login_event" => {
            let resource = event.get(Field::Resource);
            let text = |key| resource.and_then(|resource| resource.text_of(key));
            let uid = text("application_id");
            mapping.service = text("application_name").or(uid).map(|name| Service { uid, name });
            mapping.auth_protocol_id = Some(0);
        }
        _ => {}
    }
    if mapping.service.is_none() && !mapping.dst.is_identified() {
        mapping.service = Some(JUMPCLOUD);
        mapping.labels.add(Labels::SUBJECT_MISSING);
    }
    mapping
}

/// The initiator, else the resource (older sign-ins of administrators), else the user name, else that in LDAP's `dn`.
fn who<'a>(event: &Event<'a>, actor: &Actor<'a>) -> Option<User<'a>> {
    let of_dn = || {
        let dn = event.string(Field::Dn)?;
        let uid = dn.text.split(',').find_map(|part| part.trim().strip_prefix("uid="))?;
        (!uid.is_empty()).then_some(Text { text: uid, plain: dn.plain })
    };
    actor
        .user
        .or_else(|| event.get(Field::Resource).and_then(User::read))
        .or_else(|| event.text(Field::Username).or_else(of_dn).map(User::called))
}

fn sso<'a>(event: &Event<'a>, mapping: &mut Mapping<'a>) {
    let Some(application) = event.get(Field::Application) else { return };
    let url = application.get("sso_url").and_then(Value::string);
    let last_part = || {
        let url = url?;
        let path = url.text.split(['?', '#']).next()?.trim_end_matches('/');
        let part = path.rsplit('/').next().filter(|part| !part.is_empty())?;
        Some(Text { text: part, plain: url.plain })
    };
    let name = application.text_of("name");
    let uid = application.text_of("id");
    let called = application.text_of("display_label").or(name).or_else(last_part).or(uid);
    mapping.service = called.map(|name| Service { uid, name });
    mapping.dst.svc_name = name;
    let is_saml_url = || url.is_some_and(|url| url.text.contains("/saml2/"));
    mapping.auth_protocol_id = Some(match application.text_of("sso_type").map(|kind| kind.text) {
        Some("saml") => 5,
        Some("oidc") => 4,
        None if is_saml_url() => 5,
        _ => 0,
    });
}

/// Neither of LDAP's ways to encrypt; unknown if neither is told. They arrive as booleans or as text.
fn is_cleartext(event: &Event<'_>) -> Option<bool> {
    let flags = [Field::StartTls, Field::TlsEstablished].map(|field| {
        let value = event.get(field)?;
        value.boolean().or_else(|| Some(value.string()?.text == "true"))
    });
    flags.iter().any(Option::is_some).then(|| !flags.contains(&Some(true)))
}

/// A sign-in on a device: that is where it goes to, and `client_ip` is the device's own way out.
fn device<'a>(event: &Event<'a>, mapping: &mut Mapping<'a>) {
    let system = event.get(Field::System);
    mapping.dst = Endpoint {
        ip: mapping.src.ip,
        location: mapping.src.location,
        ..system.map(Endpoint::of_system).unwrap_or_default()
    };
    if mapping.dst.ip.is_some() {
        mapping.maps(Field::ClientIp);
    }
    let src = event.string(Field::SrcIp);
    let ip = src.filter(|ip| is_address(ip.text));
    if ip.is_some() {
        mapping.maps(Field::SrcIp);
    }
    mapping.src = Endpoint { ip, ..Endpoint::default() };
    mapping.is_remote = Some(src.is_some_and(|src| !is_loopback(src.text)));
    let logon = event.get(Field::WindowsMeta).and_then(|meta| meta.get("logon_type")?.integer());
    mapping.logon_type_id = logon.and_then(|logon| u8::try_from(logon).ok());
}
