//! Life of users and administrators -> Account Change (3001). Updates are read from what they changed.

use crate::blocks::factors::Factors;
use crate::blocks::user::User;
use crate::class::Class;
use crate::event::Event;
use crate::event_type::EventType;
use crate::families::changes::{changed_to, switched};
use crate::field::Field;
use crate::json::{Text, Value};
use crate::mapping::Mapping;

pub(super) fn map<'a>(event: &Event<'a>, line: &EventType) -> Mapping<'a> {
    let mut mapping = Mapping::begin(event, line);
    let is_administrator = line.name.starts_with("admin_");
    let user = whom(event, line, mapping.actor.user);
    if user.is_some_and(|user| user.name.is_some_and(|name| event.is(Field::Username, name.text))) {
        mapping.maps(Field::Username);
    }
    mapping.user = if is_administrator { user.map(User::as_administrator) } else { user };
    match line.name {
        "totp_finish_enrollment" | "admin_totp_finish_enrollment" => {
            mapping.factors = Factors::totp();
            if let Some(user) = &mut mapping.user {
                user.has_mfa = Some(true);
            }
        }
        "user_update" | "user_update_provision" | "admin_update" => refine(event, line, &mut mapping),
        _ => {}
    }
    mapping
}

/// The resource; for what people do to themselves the initiator, if no resource is told.
fn whom<'a>(event: &Event<'a>, line: &EventType, initiator: Option<User<'a>>) -> Option<User<'a>> {
    let of_themselves = line.name.contains("totp_") || line.name.contains("password_change");
    event
        .get(Field::Resource)
        .and_then(User::read)
        .or_else(|| event.text(Field::Username).map(User::called))
        .or_else(|| initiator.filter(|_| of_themselves))
}

/// What an update was, by the first change that means something (ocsf-mapping, section 5.2).
fn refine<'a>(event: &Event<'a>, line: &EventType, mapping: &mut Mapping<'a>) {
    let state = changed_to(event, "state").flatten().and_then(Value::string).map(|state| state.text);
    let is_state = |name: &str| state.is_some_and(|state| state.eq_ignore_ascii_case(name));
    let suspended = switched(event, "suspended");
    let mfa = ["enable_user_portal_multifactor", "totp_enabled", "enableMultiFactor"]
        .iter()
        .find_map(|field| switched(event, field));
    let role = changed_to(event, "role").or_else(|| changed_to(event, "roleName"));
    let account = Class::ACCOUNT_CHANGE;
    if suspended == Some(true) || is_state("SUSPENDED") {
        mapping.is(account, 5, "Disable", 2);
    } else if suspended == Some(false) || is_state("ACTIVATED") {
        mapping.is(account, 2, "Enable", 1);
    } else if let Some(locked) = switched(event, "account_locked") {
        if locked {
            mapping.is(account, 9, "Lock", 3);
        } else {
            mapping.is(account, 12, "Unlock", 1);
        }
    } else if changed_to(event, "password").is_some() {
        let by_themselves = match (&mapping.user, &mapping.actor.user) {
            (Some(user), Some(actor)) => user.is(actor),
            _ => false,
        };
        if by_themselves {
            mapping.is(account, 3, "Password Change", 1);
        } else {
            mapping.is(account, 4, "Password Reset", 1);
        }
    } else if let Some(on) = mfa {
        if on {
            mapping.is(account, 10, "MFA Factor Enable", 1);
        } else {
            mapping.is(account, 11, "MFA Factor Disable", 3);
        }
    } else if let Some(role) = role.filter(|_| line.name == "admin_update") {
        mapping.is(Class::USER_ACCESS, 1, "Assign Privileges", 3);
        let name = changed_to(event, "roleName").flatten().or(role).and_then(Value::text);
        mapping.privilege = Some(name.unwrap_or(Text::ours("administrator")));
    }
}
