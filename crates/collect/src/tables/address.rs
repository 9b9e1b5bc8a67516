//! IP addresses in the many ways that agents write them, brought into one; what kind of network each is in.
//! Pure functions over text; which addresses are collected is in `ip_addresses.rs` and `ip_lists.rs`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address in its canonical form, apart from the zone (interface) that link-local ones can carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// The address; an IPv4 address in IPv6 clothes (`::ffff:192.0.2.1`) is the IPv4 address.
    pub(super) ip: IpAddr,
    /// What stood after `%`, e.g. `en0`.
    pub(super) zone: Option<String>,
}

/// Reads an address; `None` for everything else, also for a network, a port or numbers with leading zeros,
/// since guessing would put a device where it is not.
pub(super) fn parse(text: &str) -> Option<Address> {
    let text = text.trim();
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone).filter(|zone| !zone.is_empty()).map(str::to_owned)),
        None => (text, None),
    };
    let ip: IpAddr = address.parse().ok()?;
    Some(Address { ip: ip.to_canonical(), zone })
}

/// `IPv4` or `IPv6`.
pub(super) fn family(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "IPv4" } else { "IPv6" }
}

/// In what kind of network an address is, by the IANA special-purpose registries.
pub(super) fn scope(ip: IpAddr) -> &'static str {
    match ip {
        IpAddr::V4(ip) => scope_v4(ip),
        IpAddr::V6(ip) => scope_v6(ip),
    }
}

fn scope_v4(ip: Ipv4Addr) -> &'static str {
    match ip.octets() {
        [0, 0, 0, 0] => "unspecified",
        [127, ..] => "loopback",
        [169, 254, ..] => "link_local",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "private",
        // Shared address space of providers (RFC 6598); VPN products use it inside companies as well.
        [100, 64..=127, ..] => "shared",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "documentation",
        [224..=239, ..] => "multicast",
        [0, ..] | [192, 0, 0, _] | [198, 18..=19, ..] | [240..=255, ..] => "reserved",
        _ => "public",
    }
}

fn scope_v6(ip: Ipv6Addr) -> &'static str {
    if ip.is_unspecified() {
        return "unspecified";
    }
    if ip.is_loopback() {
        return "loopback";
    }
    match ip.segments() {
        [0xfe80..=0xfebf, ..] => "link_local",
        // Unique local addresses, and the site-local ones that they replaced.
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => "private",
        [0xff00..=0xffff, ..] => "multicast",
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => "documentation",
        // Well-known NAT64 prefix: the far end is an IPv4 address on the internet.
        [0x0064, 0xff9b, 0, 0, 0, 0, ..] | [0x2000..=0x3fff, ..] => "public",
        _ => "reserved",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Option<(String, Option<String>)> {
        parse(text).map(|address| (address.ip.to_string(), address.zone))
    }

    #[test]
    fn one_address_has_one_spelling() {
        let plain = |text: &str| Some((text.to_owned(), None));
        assert_eq!(canonical(" 192.0.2.17 "), plain("192.0.2.17"));
        assert_eq!(canonical("::ffff:192.0.2.17"), plain("192.0.2.17"));
        assert_eq!(canonical("::FFFF:C000:0211"), plain("192.0.2.17"));
        assert_eq!(canonical("2001:0DB8:0000::0001"), plain("2001:db8::1"));
        assert_eq!(canonical("fe80::1%en0"), Some(("fe80::1".to_owned(), Some("en0".to_owned()))));
        assert_eq!(canonical("fe80::1%"), plain("fe80::1"));
    }

    #[test]
    fn what_is_no_address_is_not_guessed_at() {
        for junk in [
            "",
            "unknown",
            "192.0.2.0/24",
            "192.0.2.1:443",
            "192.168.001.001",
            "1.2.3",
            "[::1]",
            "::g",
            "999.1.1.1",
            "10.0.0.1, 10.0.0.2",
        ] {
            assert_eq!(parse(junk), None, "{junk}");
        }
    }

    #[test]
    fn the_scope_is_that_of_the_registries() {
        for (text, expected) in [
            ("127.0.0.1", "loopback"),
            ("::1", "loopback"),
            ("10.1.2.3", "private"),
            ("172.31.255.1", "private"),
            ("172.32.0.1", "public"),
            ("192.168.1.1", "private"),
            ("fd12::1", "private"),
            ("169.254.10.1", "link_local"),
            ("fe80::1", "link_local"),
            ("100.100.1.1", "shared"),
            ("203.0.113.24", "documentation"),
            ("2001:db8::1", "documentation"),
            ("224.0.0.1", "multicast"),
            ("ff02::1", "multicast"),
            ("0.0.0.0", "unspecified"),
            ("::", "unspecified"),
            ("255.255.255.255", "reserved"),
            ("8.8.8.8", "public"),
            ("2a00:1450::1", "public"),
            ("::ffff:10.0.0.1", "private"),
        ] {
            assert_eq!(scope(parse(text).unwrap().ip), expected, "{text}");
        }
    }
}
