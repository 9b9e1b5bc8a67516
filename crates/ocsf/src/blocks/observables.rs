//! `observables`: what an analyst pivots on, with the path to it. Only what the event holds.

use crate::blocks::endpoint::Endpoint;
use crate::blocks::user::User;
use crate::json::{Text, Writer, key};
use crate::mapping::Mapping;

/// The beginning of an observable of an endpoint.
macro_rules! concat_path {
    ($path:literal) => {
        concat!(r#"{"name":""#, $path, r#"","#)
    };
}

/// Writes them in a fixed order; nothing if there are none.
pub(crate) fn write(mapping: &Mapping<'_>, to: &mut Writer<'_>) {
    let begins = to.out.len();
    to.raw(key!("observables"));
    to.raw("[");
    let first = to.out.len();
    let room = mapping.class.room;
    if room.src_endpoint {
        endpoint(&mapping.src, concat_path!("src_endpoint.ip"), concat_path!("src_endpoint.hostname"), to);
    }
    endpoint(&mapping.dst, concat_path!("dst_endpoint.ip"), concat_path!("dst_endpoint.hostname"), to);
    if let Some(device) = &mapping.device {
        one(r#"{"name":"device.hostname","type_id":1,"type":"Hostname","value":""#, device.hostname, to);
        one(r#"{"name":"device.uid","type_id":47,"type":"Device Object: uid","value":""#, device.uid, to);
    }
    if let Some(User { uid, name, email, .. }) = &mapping.user {
        one(r#"{"name":"user.name","type_id":4,"type":"User Name","value":""#, *name, to);
        one(r#"{"name":"user.uid","type_id":31,"type":"User Object: uid","value":""#, *uid, to);
        one(r#"{"name":"user.email_addr","type_id":5,"type":"Email Address","value":""#, *email, to);
    }
    if let Some(User { uid, name, email, .. }) = mapping.actor.user.as_ref().filter(|_| room.actor) {
        one(r#"{"name":"actor.user.name","type_id":4,"type":"User Name","value":""#, *name, to);
        one(r#"{"name":"actor.user.uid","type_id":31,"type":"User Object: uid","value":""#, *uid, to);
        one(r#"{"name":"actor.user.email_addr","type_id":5,"type":"Email Address","value":""#, *email, to);
    }
    if let Some(group) = &mapping.group {
        one(r#"{"name":"group.name","type_id":32,"type":"Group Object: name","value":""#, group.name, to);
        one(r#"{"name":"group.uid","type_id":33,"type":"Group Object: uid","value":""#, group.uid, to);
    }
    if room.http_request && mapping.http.has_agent() {
        to.raw(r#"{"name":"http_request.user_agent","type_id":16,"type":"HTTP User-Agent","value":""#);
        mapping.http.agent_letters(to);
        to.raw("\"},");
    }
    if to.out.len() == first {
        to.out.truncate(begins);
    } else {
        to.close(b']');
        to.raw(",");
    }
}

fn endpoint(endpoint: &Endpoint<'_>, ip: &str, hostname: &str, to: &mut Writer<'_>) {
    if let Some(value) = endpoint.ip {
        to.raw(ip);
        one(r#""type_id":2,"type":"IP Address","value":""#, Some(value), to);
    }
    if let Some(value) = endpoint.hostname {
        to.raw(hostname);
        one(r#""type_id":1,"type":"Hostname","value":""#, Some(value), to);
    }
}

fn one(begin: &str, value: Option<Text<'_>>, to: &mut Writer<'_>) {
    if let Some(value) = value {
        to.raw(begin);
        to.letters(value);
        to.raw("\"},");
    }
}
