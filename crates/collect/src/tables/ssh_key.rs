//! What can be told of an SSH public key without keeping it: its fingerprint, type and size.
//! Reads the one-line text form (RFC 4253 section 6.6, base64) and nothing else.

use data_encoding::{BASE64, BASE64_NOPAD};
use sha2::{Digest, Sha256};

/// What may be kept of a public key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SshKey {
    /// As OpenSSH prints it: `SHA256:` and the unpadded base64 of the key's SHA-256.
    pub(super) fingerprint: String,
    /// The type inside the key, e.g. `ssh-ed25519`; the word before it in the text is not trusted.
    pub(super) key_type: String,
    /// Size in bits where the type tells it or the key holds it (RSA, DSA).
    pub(super) bits: Option<u64>,
}

/// Reads a key out of a line such as `ssh-ed25519 AAAA… comment`, with or without options, or out of the base64 alone.
pub(super) fn parse(line: &str) -> Option<SshKey> {
    line.split_whitespace().find_map(|word| {
        let blob = BASE64.decode(word.as_bytes()).or_else(|_| BASE64_NOPAD.decode(word.as_bytes())).ok()?;
        let (key_type, fields) = field(&blob)?;
        let key_type = std::str::from_utf8(key_type).ok().filter(|name| is_type_name(name))?;
        let fingerprint = format!("SHA256:{}", BASE64_NOPAD.encode(&Sha256::digest(&blob)));
        Some(SshKey { fingerprint, key_type: key_type.to_owned(), bits: bits(key_type, fields) })
    })
}

fn is_type_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Takes one length-prefixed field off the front.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

fn bits(key_type: &str, fields: &[u8]) -> Option<u64> {
    match key_type {
        "ssh-ed25519" | "sk-ssh-ed25519@openssh.com" => Some(256),
        "ssh-ed448" => Some(448),
        // DSA: the prime comes first. RSA: the exponent, then the modulus.
        "ssh-dss" => field(fields).map(|(prime, _)| size(prime)),
        "ssh-rsa" => field(fields).and_then(|(_, rest)| field(rest)).map(|(modulus, _)| size(modulus)),
        name if name.contains("nistp256") => Some(256),
        name if name.contains("nistp384") => Some(384),
        name if name.contains("nistp521") => Some(521),
        _ => None,
    }
}

/// The number of bits of a big-endian number, leading zeros not counted.
fn size(number: &[u8]) -> u64 {
    let Some(first) = number.iter().position(|byte| *byte != 0) else { return 0 };
    let rest = (number.len() - first - 1) as u64 * 8;
    rest + u64::from(8 - number[first].leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds a key line out of its fields.
    fn line(key_type: &str, numbers: &[&[u8]]) -> String {
        let mut blob = Vec::new();
        for part in std::iter::once(key_type.as_bytes()).chain(numbers.iter().copied()) {
            blob.extend((part.len() as u32).to_be_bytes());
            blob.extend(part);
        }
        format!("{key_type} {} somebody@laptop", BASE64.encode(&blob))
    }

    #[test]
    fn the_fingerprint_is_the_one_that_openssh_prints() {
        let key = parse(&line("ssh-ed25519", &[&[7; 32]])).unwrap();
        // From `ssh-keygen -lf` on the same line.
        assert_eq!(key.fingerprint, "SHA256:gNSIRW+2Iyiuvsdp/bgjy38bvWHw6wQm3tuoXrl3WjQ");
        assert_eq!((key.key_type.as_str(), key.bits), ("ssh-ed25519", Some(256)));
    }

    #[test]
    fn the_size_of_an_rsa_key_is_read_from_its_modulus() {
        let mut modulus = vec![0];
        modulus.extend([0xff; 128]);
        assert_eq!(parse(&line("ssh-rsa", &[&[1, 0, 1], &modulus])).unwrap().bits, Some(1024));
        assert_eq!(parse(&line("ssh-dss", &[&[0x80, 0]])).unwrap().bits, Some(16));
        assert_eq!(parse(&line("ecdsa-sha2-nistp384", &[b"nistp384", b"x"])).unwrap().bits, Some(384));
    }

    #[test]
    fn options_before_the_key_and_a_bare_body_are_read_and_junk_is_nothing() {
        let plain = line("ssh-ed25519", &[&[7; 32]]);
        let body = plain.split(' ').nth(1).unwrap();
        assert_eq!(parse(body), parse(&plain));
        assert_eq!(parse(&format!("from=\"192.0.2.1\",no-pty {plain}")), parse(&plain));
        for junk in ["", "ssh-rsa", "hello world", "AAAA", "/////w=="] {
            assert_eq!(parse(junk), None, "{junk}");
        }
    }
}
