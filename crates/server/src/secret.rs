//! Random tokens, their hashes, and passwords.

use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::problem::Problem;

/// Passwords that are hashed at the same time: each takes 19 MiB.
static AT_ONCE: Semaphore = Semaphore::const_new(2);
/// Shortest password, in characters.
pub(crate) const SHORTEST: usize = 12;
/// Longest password, in bytes: hashing is no way to keep the server busy.
const LONGEST: usize = 512;

/// A hash that no password has, so that an unknown name costs as much time as a known one.
static NOBODYS: LazyLock<String> = LazyLock::new(|| {
    let hash = Argon2::default().hash_password(random_token("").as_bytes());
    hash.map(|hash| hash.to_string()).unwrap_or_default()
});

/// 256 random bits as text, with a prefix that says what it is for.
pub(crate) fn random_token(prefix: &str) -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    format!("{prefix}{}", BASE64URL_NOPAD.encode(&bytes))
}

/// What is kept of a token. A token is as random as a hash, so one round is enough.
pub(crate) fn token_hash(token: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(token.as_bytes()))
}

/// The token that every form of a session carries; who reads one page of one session can not make it for another.
pub(crate) fn form_token(session_token: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"jumpseat form token\0");
    hasher.update(session_token.as_bytes());
    BASE64URL_NOPAD.encode(&hasher.finalize())
}

/// Compares without telling by the time it takes how much is equal.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (Sha256::digest(one.as_bytes()), Sha256::digest(other.as_bytes()));
    one.iter().zip(other.iter()).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}

/// Checks a new password against what every password must have.
pub(crate) fn check_new(password: &str, name: &str) -> Result<(), Problem> {
    let letters = password.chars().count();
    if letters < SHORTEST || password.len() > LONGEST {
        return Err(Problem::bad(format!("a password has at least {SHORTEST} characters and at most {LONGEST} bytes")));
    }
    let lower = password.to_lowercase();
    let first = lower.chars().next();
    if lower.contains("password") || lower.chars().all(|letter| Some(letter) == first) || lower == name.to_lowercase() {
        return Err(Problem::bad("this password would be guessed at once; choose another"));
    }
    Ok(())
}

/// The Argon2id hash of a password, made where it does not hold up others.
pub(crate) async fn hash(password: &str) -> Result<String, Problem> {
    let password = password.to_owned();
    let _turn = AT_ONCE.acquire().await.map_err(Problem::internal)?;
    tokio::task::spawn_blocking(move || {
        Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
    })
    .await
    .map_err(Problem::internal)?
    .map_err(Problem::internal)
}

/// Whether a password is the one of a hash. Without a hash it takes as long and is never so.
pub(crate) async fn verify(password: &str, hash: Option<&str>) -> Result<bool, Problem> {
    if password.len() > LONGEST {
        return Ok(false);
    }
    let (password, hash) = (password.to_owned(), hash.map(str::to_owned));
    let _turn = AT_ONCE.acquire().await.map_err(Problem::internal)?;
    tokio::task::spawn_blocking(move || {
        let is_known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODYS.clone());
        Argon2::default().verify_password(password.as_bytes(), hash.as_str()).is_ok() && is_known
    })
    .await
    .map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_is() {
        let kept = hash("correct horse battery").await.unwrap();
        assert!(kept.starts_with("$argon2id$"), "{kept}");
        assert!(verify("correct horse battery", Some(&kept)).await.unwrap());
        assert!(!verify("correct horse batterz", Some(&kept)).await.unwrap());
        assert!(!verify("correct horse battery", None).await.unwrap());
        assert!(!verify(&"x".repeat(100_000), Some(&kept)).await.unwrap());
    }

    #[test]
    fn short_and_obvious_passwords_are_refused() {
        for bad in ["short", "aaaaaaaaaaaaaaaa", "my password 2026", "administrator"] {
            assert!(check_new(bad, "administrator").is_err(), "{bad}");
        }
        assert!(check_new("correct horse battery", "mara").is_ok());
    }

    #[test]
    fn tokens_differ_and_a_form_token_belongs_to_one_session() {
        let (one, other) = (random_token("x_"), random_token("x_"));
        assert_ne!(one, other);
        assert!(one.len() >= 43);
        assert_ne!(form_token(&one), form_token(&other));
        assert!(is_same(&one, &one) && !is_same(&one, &other));
    }
}
