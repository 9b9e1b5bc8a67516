//! Judging an ID token: by whom it is signed, and whether it is about this sign-in (OpenID Connect Core 3.1.3.7).

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The clocks of two machines differ by no more.
const LEEWAY: SignedDuration = SignedDuration::from_mins(2);
/// No subject is longer, in bytes (OpenID Connect Core 2).
const LONGEST_SUBJECT: usize = 255;
/// Signatures that are accepted: those whose key only the provider has. With HMAC, whoever can check could also sign.
const ALGORITHMS: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// What an ID token says.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    pub(crate) sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    /// What it says of the person.
    #[serde(flatten)]
    pub(crate) others: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// What an ID token has to be about.
#[derive(Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a str,
    /// When this sign-in began: the token is not older.
    pub(crate) since: Timestamp,
    pub(crate) now: Timestamp,
}

/// Why an ID token proves nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unproven {
    /// It may be signed with a key that was not there yet when the keys were read.
    #[error("it is signed with a key that the provider does not publish")]
    UnknownKey,
    #[error("{0}")]
    Wrong(&'static str),
}

use Unproven::{UnknownKey, Wrong};

/// Checks signature and claims.
pub(crate) fn check(token: &str, keys: &[Jwk], expected: &Expected<'_>) -> Result<Claims, Unproven> {
    let claims = signed_claims(token, keys)?;
    check_claims(&claims, expected)?;
    Ok(claims)
}

fn signed_claims(token: &str, keys: &[Jwk]) -> Result<Claims, Unproven> {
    // A header with an algorithm that is not known, such as `none`, can not be read.
    let header = decode_header(token).ok().filter(|header| ALGORITHMS.contains(&header.alg));
    let header = header.ok_or(Wrong("it is not signed, or not in a way that can be trusted"))?;
    let mut fitting = keys.iter().filter(|key| fits(key, header.alg));
    let key = match &header.kid {
        Some(id) => fitting.find(|key| key.common.key_id.as_ref() == Some(id)),
        // Without a name it must be clear which key is meant.
        None => fitting.next().filter(|_| fitting.next().is_none()),
    };
    let key = DecodingKey::from_jwk(key.ok_or(UnknownKey)?).map_err(|_| Wrong("the provider's key can not be read"))?;
    let mut validation = Validation::new(header.alg);
    // Claims are checked below, all in one place and with our clock.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let decoded = decode::<Claims>(token, &key, &validation);
    decoded.map(|data| data.claims).map_err(|error| match error.kind() {
        jsonwebtoken::errors::ErrorKind::Json(_) => {
            Wrong("a claim that it must have is missing or is not what it should be")
        }
        _ => Wrong("its signature is wrong"),
    })
}

/// Whether a key is one for signatures of this kind.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    use Algorithm as A;
    let is_kind = match &key.algorithm {
        AlgorithmParameters::RSA(_) => {
            matches!(algorithm, A::RS256 | A::RS384 | A::RS512 | A::PS256 | A::PS384 | A::PS512)
        }
        AlgorithmParameters::EllipticCurve(_) => matches!(algorithm, A::ES256 | A::ES384),
        AlgorithmParameters::OctetKeyPair(_) => algorithm == A::EdDSA,
        _ => false,
    };
    let is_for_signatures = matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let is_meant = key.common.key_algorithm.is_none_or(|own| own == KeyAlgorithm::from(algorithm));
    is_kind && is_for_signatures && is_meant
}

fn check_claims(claims: &Claims, expected: &Expected<'_>) -> Result<(), Unproven> {
    let is_for_us = |audience: &String| audience == expected.client_id;
    let (is_ours, are_several) = match &claims.aud {
        Audience::One(one) => (is_for_us(one), false),
        Audience::Several(all) => (all.iter().any(is_for_us), all.len() > 1),
    };
    let is_azp_wrong = claims.azp.as_ref().map_or(are_several, |azp| !is_for_us(azp));
    let now = seconds(expected.now);
    let leeway = LEEWAY.as_secs_f64();
    let faults = [
        (claims.iss != expected.issuer, "it is of another issuer"),
        (!is_ours, "it is for another application (aud)"),
        (is_azp_wrong, "it was made for another application (azp)"),
        (claims.nonce.as_deref() != Some(expected.nonce), "it is not of this sign-in (nonce)"),
        (claims.exp.is_nan() || claims.exp + leeway <= now, "it is over (exp); compare the clocks"),
        (claims.iat.is_nan() || claims.iat - leeway > now, "it is from the future (iat); compare the clocks"),
        (claims.iat + leeway < seconds(expected.since), "it is older than this sign-in (iat); compare the clocks"),
        (claims.nbf.is_some_and(|nbf| nbf - leeway > now), "it does not hold yet (nbf); compare the clocks"),
        (!is_subject(&claims.sub), "what it calls the account (sub) is empty or too long"),
    ];
    match faults.into_iter().find(|(is_so, _)| *is_so) {
        Some((_, words)) => Err(Wrong(words)),
        None => Ok(()),
    }
}

fn is_subject(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_SUBJECT && !text.chars().any(char::is_control)
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}
