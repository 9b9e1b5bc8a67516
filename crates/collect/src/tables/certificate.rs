//! When the certificates in a PEM text expire. Nothing else of a certificate is read and nothing is verified, which is
//! why a few lines of DER do instead of a library for certificates.

use data_encoding::BASE64;
use jiff::Timestamp;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// When each certificate of a PEM text expires, in its order; those that can not be read are left out.
pub(super) fn expirations(pem: &str) -> Vec<Timestamp> {
    let blocks = pem.split(BEGIN).skip(1).filter_map(|rest| rest.split_once(END));
    blocks.filter_map(|(body, _)| expiration(body)).collect()
}

fn expiration(body: &str) -> Option<Timestamp> {
    let body: String = body.split_whitespace().collect();
    let der = BASE64.decode(body.as_bytes()).ok()?;
    // Certificate, and in it the part that is signed (RFC 5280 section 4.1).
    let (_, certificate, _) = element(&der)?;
    let (_, mut rest, _) = element(certificate)?;
    // The version is there only when it is not the first.
    if let Some((VERSION, _, after)) = element(rest) {
        rest = after;
    }
    // Serial number, algorithm, issuer; then the validity.
    for _ in 0..3 {
        (_, _, rest) = element(rest)?;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, rest) = element(validity)?;
    let (tag, time, _) = element(rest)?;
    instant(tag, std::str::from_utf8(time).ok()?)
}

const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Takes one element off the front: its tag, its content, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&short, rest) = rest.split_first()?;
    let (length, rest) = match short {
        0..=0x7f => (usize::from(short), rest),
        // A length of up to four bytes; a longer one is no certificate.
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// Reads `YYMMDDhhmmssZ` (years 1950 to 2049) or `YYYYMMDDhhmmssZ`.
fn instant(tag: u8, text: &str) -> Option<Timestamp> {
    let full = match tag {
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| full.get(from..to);
    let (date, time) = ((part(0, 4)?, part(4, 6)?, part(6, 8)?), (part(8, 10)?, part(10, 12)?, part(12, 14)?));
    format!("{}-{}-{}T{}:{}:{}Z", date.0, date.1, date.2, time.0, time.1, time.2).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two certificates without use: of the first version until 2031, of the third until 2062.
    const PEM: &str = "
-----BEGIN CERTIFICATE-----
MIG+MHICAQEwBQYDK2VwMAwxCjAIBgNVBAMMAWEwHhcNMjYwMTAxMDAwMDAwWhcN
MzEwMjAzMDQwNTA2WjAMMQowCAYDVQQDDAFhMCowBQYDK2VwAyEAf5V3SVQDInJR
AJyp1Rfc3OJW6HboM42wUINQkfWbFzYwBQYDK2VwA0EAck1lm6fWgCBsAxGnG0Pk
/Yx45lDx0XPSCgGAfOyDUi2eoQO5xZ9vPsWQyNFq2hS3gqLb5HmQt04PMT63ZsPM
DA==
-----END CERTIFICATE-----
-----BEGIN CERTIFICATE-----
MIH3MIGqoAMCAQICAQMwBQYDK2VwMAwxCjAIBgNVBAMMAWEwIBcNMjYwMTAxMDAw
MDAwWhgPMjA2MjAyMDMwNDA1MDZaMAwxCjAIBgNVBAMMAWEwKjAFBgMrZXADIQB/
lXdJVAMiclEAnKnVF9zc4lbodugzjbBQg1CR9ZsXNqMvMC0wDAYDVR0TBAUwAwEB
/zAdBgNVHQ4EFgQUseAbAn74xAewcmaGehB+S9F1uBMwBQYDK2VwA0EA2K7jRPco
rCDjEH1xJ+f54FmHsGF2/zm8LI4Mkx/fzRW+EF7jrBPI0uyJdi2BdkEXzX9KBRTm
rWUhSx/Ld7CABw==
-----END CERTIFICATE-----";

    #[test]
    fn every_certificate_of_a_text_tells_when_it_expires() {
        let expected: [Timestamp; 2] =
            ["2031-02-03T04:05:06Z".parse().unwrap(), "2062-02-03T04:05:06Z".parse().unwrap()];
        assert_eq!(expirations(PEM), expected);
    }

    #[test]
    fn what_is_no_certificate_tells_nothing() {
        for length in (0..PEM.len()).step_by(7) {
            assert!(expirations(&PEM[..length]).len() <= 2);
        }
        let junk = format!("{BEGIN}\nMIG+MHICAQ==\n{END}{BEGIN}{END}{BEGIN}\n!\n{END}");
        assert_eq!(expirations(&junk), []);
    }
}
