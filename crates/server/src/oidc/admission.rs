//! Who of those whom the provider knows is let in, and as whom: somebody who was linked before, somebody who was added here
//! with the same address, or somebody of a group or domain that the settings let in.

use axum::http::StatusCode;
use serde_json::{Value, json};
use store::{Identity, Person};

use super::{OidcSettings, Proven};
use crate::accounts::new_person;
use crate::permission::Role;
use crate::problem::Problem;
use crate::visit::Visit;

/// The person who signs in.
///
/// # Errors
/// They are not let in; the problem says why, and who can change that.
pub(crate) async fn admit(visit: &Visit, settings: &OidcSettings, proven: &Proven) -> Result<Person, Problem> {
    let given = settings.role_of(proven);
    match visit.app.store.person_of_identity(&settings.issuer, &proven.subject).await? {
        Some((person, identity)) => known(visit, settings, person, identity, given).await,
        None => first_time(visit, settings, proven, given).await,
    }
}

/// Somebody who was here before.
async fn known(
    visit: &Visit,
    settings: &OidcSettings,
    person: Person,
    identity: Identity,
    given: Option<Role>,
) -> Result<Person, Problem> {
    check_active(&person)?;
    // Who was added by hand keeps the role from there.
    let Some(before) = &identity.given_role else { return Ok(person) };
    let Some(role) = given else {
        note(visit, &person, "person.shut_out", described(&identity)).await?;
        visit.app.store.shut_out(&person.id, visit.now).await?;
        return Err(refused(format!("none of your groups at {} is let in any more", settings.label)));
    };
    // The provider's word counts when it changes; in between, a role that was given here stays.
    if role.word() == before {
        return Ok(person);
    }
    let detail = json!({ "before": { "role": person.role }, "after": { "role": role.word() }, "by": settings.issuer });
    note(visit, &person, "person.update", detail).await?;
    visit.app.store.give_role(&identity, role.word(), visit.now).await?;
    Ok(Person { role: role.word().to_owned(), ..person })
}

/// Somebody whom the provider names for the first time: an address that was verified says who they are, once.
async fn first_time(
    visit: &Visit,
    settings: &OidcSettings,
    proven: &Proven,
    given: Option<Role>,
) -> Result<Person, Problem> {
    let label = &settings.label;
    let Some(email) = proven.email.as_deref().filter(|_| proven.is_verified) else {
        return Err(refused(format!("{label} does not say that your e-mail address was verified")));
    };
    if !settings.is_of_a_domain(proven) {
        return Err(refused(format!("{email} is not of a domain that is let in")));
    }
    let has_it = |person: &Person| person.email.as_deref().is_some_and(|own| own.trim().eq_ignore_ascii_case(email));
    let mut people: Vec<Person> = visit.app.store.people().await?.into_iter().filter(has_it).collect();
    let mut identity = Identity {
        issuer: settings.issuer.clone(),
        subject: proven.subject.clone(),
        person_id: String::new(),
        given_role: None,
        linked_at: visit.now,
    };
    match (people.pop(), given) {
        (Some(_), _) if !people.is_empty() => Err(refused(format!("several people here have the address {email}"))),
        (Some(person), _) => {
            check_active(&person)?;
            identity.person_id.clone_from(&person.id);
            let is_linked =
                visit.app.store.identities(&person.id).await?.iter().any(|own| own.issuer == settings.issuer);
            if is_linked {
                return Err(refused(format!(
                    "whoever has the address {email} here signs in with another account of {label}"
                )));
            }
            note(visit, &person, "person.link", described(&identity)).await?;
            visit.app.store.link_identity(&identity).await?;
            Ok(person)
        }
        (None, Some(role)) => {
            let person = new_person(email, role, Some(email.to_owned()), None, visit.now)?;
            identity.person_id.clone_from(&person.id);
            identity.given_role = Some(person.role.clone());
            let after = json!({ "role": person.role, "email": person.email, "organizations": null, "active": true });
            note(visit, &person, "person.add", json!({ "after": after, "identity": described(&identity) })).await?;
            visit.app.store.add_person_with_identity(&person, &identity).await?;
            Ok(person)
        }
        (None, None) => {
            Err(refused(format!("nobody with the address {email} was added here, and none of your groups is let in")))
        }
    }
}

fn check_active(person: &Person) -> Result<(), Problem> {
    match person.active {
        true => Ok(()),
        false => Err(refused("your account here is switched off".to_owned())),
    }
}

fn refused(why: String) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "oidc_not_let_in", why)
        .help("Ask an owner or administrator of this console to let you in.")
}

fn described(identity: &Identity) -> Value {
    json!({ "issuer": identity.issuer, "subject": identity.subject })
}

/// Writes down what is about to be done to somebody by their own sign-in.
async fn note(visit: &Visit, person: &Person, action: &str, detail: Value) -> Result<(), Problem> {
    visit.audit_as(&person.name, "person", action, &person.name, None, detail, "done").await
}
