//! Time-based one-time passwords (RFC 6238): six digits, new every thirty seconds, as authenticator apps make them.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha1::Sha1;

use crate::secret::is_same;

/// How long a code holds, in seconds.
const STEP: i64 = 30;
/// Steps before and after the present one that are accepted: clocks differ, and typing takes a while.
const DRIFT: i64 = 1;
/// Bytes of a new secret, as RFC 4226 recommends.
const SECRET_BYTES: usize = 20;

/// A new secret, as apps take it when it is typed.
pub(crate) fn new_secret() -> String {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    BASE32_NOPAD.encode(&bytes)
}

/// The link that an app opens; the name of this console and of the person are shown there.
pub(crate) fn link(secret: &str, person: &str) -> String {
    let name: String = url::form_urlencoded::byte_serialize(person.as_bytes()).collect();
    format!("otpauth://totp/Jumpseat:{}?secret={secret}&issuer=Jumpseat", name.replace('+', "%20"))
}

/// The step that a code belongs to, if it is right now and later than the last one that was used: a code that somebody
/// has looked at over a shoulder is good for nothing once it was used.
pub(crate) fn accepted(secret: &str, given: &str, last_step: i64, now: Timestamp) -> Option<i64> {
    let digits: String = given.chars().filter(|letter| !letter.is_whitespace()).collect();
    let key = BASE32_NOPAD.decode(secret.as_bytes()).ok()?;
    let present = now.as_second().div_euclid(STEP);
    let steps = (present - DRIFT..=present + DRIFT).filter(|step| *step > last_step);
    // All are compared, so that time does not tell which one it was.
    steps.fold(None, |found, step| if is_same(&code(&key, step, 6), &digits) { Some(step) } else { found })
}

/// The code of a step (RFC 4226, section 5.3).
fn code(key: &[u8], step: i64, digits: u32) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash[19] & 0x0f);
    let part = [hash[offset] & 0x7f, hash[offset + 1], hash[offset + 2], hash[offset + 3]];
    let number = u32::from_be_bytes(part) % 10_u32.pow(digits);
    format!("{number:0width$}", width = digits as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"12345678901234567890";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn codes_are_those_of_rfc_6238_appendix_b() {
        for (second, expected) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(code(KEY, second / STEP, 8), expected, "{second}");
        }
    }

    #[test]
    fn codes_are_those_of_rfc_4226_appendix_d() {
        let expected =
            ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
        for (counter, expected) in (0_i64..).zip(expected) {
            assert_eq!(code(KEY, counter, 6), expected);
        }
    }

    #[test]
    fn a_code_is_good_once_and_for_a_minute_and_a_half() {
        let secret = BASE32_NOPAD.encode(KEY);
        let now = at(1_234_567_890);
        let step = now.as_second() / STEP;
        let right = code(KEY, step, 6);
        assert_eq!(accepted(&secret, &right, 0, now), Some(step));
        assert_eq!(accepted(&secret, &format!("{} {}", &right[..3], &right[3..]), 0, now), Some(step));
        assert_eq!(accepted(&secret, &right, step, now), None, "it was used");
        assert_eq!(accepted(&secret, &right, 0, at(now.as_second() + 30)), Some(step));
        assert_eq!(accepted(&secret, &right, 0, at(now.as_second() - 30)), Some(step));
        assert_eq!(accepted(&secret, &right, 0, at(now.as_second() + 90)), None);
        assert_eq!(accepted(&secret, &right, 0, at(now.as_second() - 90)), None);
        for bad in ["", "0", "000000x", &right[1..]] {
            assert_eq!(accepted(&secret, bad, 0, now), None, "{bad}");
        }
    }

    #[test]
    fn a_secret_is_long_and_its_link_says_whose_it_is() {
        let (one, other) = (new_secret(), new_secret());
        assert_ne!(one, other);
        assert_eq!(BASE32_NOPAD.decode(one.as_bytes()).unwrap().len(), 20);
        let link = link(&one, "Mara & Noor");
        assert_eq!(link, format!("otpauth://totp/Jumpseat:Mara%20%26%20Noor?secret={one}&issuer=Jumpseat"));
    }
}
