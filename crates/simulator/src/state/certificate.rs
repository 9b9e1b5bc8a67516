//! X.509 certificates that say when they end, as PEM text.
//! Responsible for certificates that can be read. Their keys and signatures are made up: nothing can be proven with them.

use data_encoding::BASE64;

use crate::dice::Dice;
use crate::time::{DAY, text};

/// A certificate of an authority that is valid until `ends_at` (epoch milliseconds).
pub(crate) fn pem(name: &str, seed: u64, ends_at: i64) -> String {
    let encoded = BASE64.encode(&der(name, seed, ends_at));
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out + "-----END CERTIFICATE-----\n"
}

fn der(name: &str, seed: u64, ends_at: i64) -> Vec<u8> {
    let mut dice = Dice::of(seed, "certificate", 0);
    let mut bytes = |length: usize| -> Vec<u8> { (0..length).map(|_| dice.next() as u8).collect() };
    // ecdsa-with-SHA256
    let algorithm = tagged(0x30, &[&[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]]);
    // commonName
    let attribute = tagged(0x30, &[&[0x06, 3, 0x55, 0x04, 0x03], &tagged(0x0c, &[name.as_bytes()])]);
    let subject = tagged(0x30, &[&tagged(0x31, &[&attribute])]);
    let validity = tagged(0x30, &[&time(ends_at - 3650 * DAY), &time(ends_at)]);
    // id-ecPublicKey on prime256v1
    let curve = tagged(
        0x30,
        &[
            &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01],
            &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        ],
    );
    let key = tagged(0x30, &[&curve, &tagged(0x03, &[&[0, 4], &bytes(64)])]);
    let version = tagged(0xa0, &[&[0x02, 1, 2]]);
    let mut serial = bytes(8);
    serial[0] = serial[0] & 0x7f | 1;
    let serial = tagged(0x02, &[&serial]);
    let body = tagged(0x30, &[&version, &serial, &algorithm, &subject, &validity, &subject, &key]);
    let (mut left, mut right) = (bytes(32), bytes(32));
    for half in [&mut left, &mut right] {
        half[0] = half[0] & 0x7f | 1;
    }
    let signature = tagged(0x30, &[&tagged(0x02, &[&left]), &tagged(0x02, &[&right])]);
    tagged(0x30, &[&body, &algorithm, &tagged(0x03, &[&[0], &signature])])
}

/// One element: tag, length, and the contents one after the other.
fn tagged(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let length: usize = contents.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    match length {
        0..=127 => out.push(length as u8),
        128..=255 => out.extend([0x81, length as u8]),
        _ => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    contents.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// GeneralizedTime; right after 2049, and read by everybody before.
fn time(at: i64) -> Vec<u8> {
    let digits: String = text(at).chars().filter(char::is_ascii_digit).take(14).collect();
    tagged(0x18, &[digits.as_bytes(), b"Z"])
}
