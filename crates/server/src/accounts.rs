//! What makes an account: names, passwords and tokens as they are kept. The console and the command line go by it.

use jiff::{SignedDuration, Timestamp};
use store::{ApiToken, Person};

use crate::permission::{Permission, Role};
use crate::problem::Problem;
use crate::secret::{check_new, hash, random_token, token_hash};

/// Longest name of a person, in characters.
pub(crate) const LONGEST_NAME: usize = 100;
/// Longest life of a token, in days.
pub(crate) const LONGEST_LIFE: i64 = 366;

/// Why something can not be an account.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AccountError(String);

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        Self::bad(error.0)
    }
}

/// A name as it is kept.
///
/// # Errors
/// It is empty, too long, or has characters that nobody sees.
pub(crate) fn checked_name(name: &str) -> Result<String, AccountError> {
    let name = name.trim();
    let is_plain = !name.chars().any(posture::harmless::is_steering);
    if name.is_empty() || name.chars().count() > LONGEST_NAME || !is_plain {
        return Err(AccountError(format!("a name has 1 to {LONGEST_NAME} characters, all of them visible")));
    }
    Ok(name.to_owned())
}

/// What is kept of a new password: its Argon2id hash.
///
/// # Errors
/// It is too short, or would be guessed at once.
pub async fn password_hash(password: &str, name: &str) -> Result<String, AccountError> {
    let told = |problem: Problem| AccountError(problem.message);
    check_new(password, name).map_err(told)?;
    hash(password).await.map_err(told)
}

/// Somebody who does not exist yet.
///
/// # Errors
/// The name can not be one.
pub fn new_person(
    name: &str,
    role: Role,
    email: Option<String>,
    org_ids: Option<Vec<String>>,
    now: Timestamp,
) -> Result<Person, AccountError> {
    Ok(Person {
        id: uuid::Uuid::now_v7().to_string(),
        name: checked_name(name)?,
        email,
        role: role.word().to_owned(),
        org_ids,
        active: true,
        created_at: now,
        last_sign_in_at: None,
    })
}

/// The roles that may no more than this one.
pub(crate) fn scopes(own: Role) -> impl Iterator<Item = Role> {
    let is_less =
        move |role: &Role| Permission::ALL.iter().all(|permission| !role.may(*permission) || own.may(*permission));
    Role::ALL.into_iter().rev().filter(is_less)
}

/// A token of a person, its secret, which is shown once, and the hash that is kept of it.
///
/// # Errors
/// It would outlive what is allowed, or may more than the person.
pub fn new_token(
    person: &Person,
    name: &str,
    scope: Role,
    days: i64,
    now: Timestamp,
) -> Result<(ApiToken, String, String), AccountError> {
    let own = Role::of_word(&person.role);
    if !own.is_some_and(|own| scopes(own).any(|role| role == scope)) {
        return Err(AccountError("a token may no more than the person whose it is".to_owned()));
    }
    if !(1..=LONGEST_LIFE).contains(&days) {
        return Err(AccountError(format!("a token lives 1 to {LONGEST_LIFE} days")));
    }
    let secret = random_token("jst_");
    let token = ApiToken {
        id: uuid::Uuid::now_v7().to_string(),
        person_id: person.id.clone(),
        name: checked_name(name)?,
        prefix: secret.chars().take(10).collect(),
        scope: scope.word().to_owned(),
        created_at: now,
        expires_at: now + SignedDuration::from_hours(days * 24),
        last_used_at: None,
        revoked_at: None,
    };
    let kept = token_hash(&secret);
    Ok((token, secret, kept))
}
