//! The entries of IP lists, one row each, with the span of addresses that each covers.

use std::net::IpAddr;

use serde_json::{Value, json};
use store::schema::{Table, integer, real, text};

use super::{Collected, Id, Redact, Source, address, id_of};

/// `ip_list_entries`: one row for each entry of each IP list.
#[rustfmt::skip]
pub(super) static IP_LIST_ENTRIES: Collected = Collected {
    table: Table {
        name: "ip_list_entries",
        about: "Entries of IP lists with their first and last address. An entry that can not be read has NULL there, and JumpCloud's behavior with it is not known.",
        asset: None,
        label: "entry",
        columns: &[
            text("ip_list_id", "/ip_list_id", "The list (ip_lists.id)."),
            text("ip_list_name", "/ip_list_name", "The list's name."),
            text("entry", "/entry", "The entry as typed."),
            text("first_address", "/first", "First address that it covers."),
            text("last_address", "/last", "Last address that it covers."),
            text("family", "/family", "IPv4 or IPv6."),
            integer("prefix_length", "/prefix_length", "Networks (a/n): the n. A small one covers much; 0 covers everything."),
            real("address_count", "/count", "How many addresses it covers; not exact above 2^53."),
            text("scope", "/scope", "Kind of network of the first address; everything but public can not be seen by JumpCloud."),
        ],
        joined: &[],
    },
    sources: &[Source::from("ip_lists", &["_id", "id", "name", "ips"], |list| {
        let entries = list["ips"].as_array().into_iter().flatten().filter_map(Value::as_str);
        entries.map(|entry| row(list, entry)).collect()
    })],
    id: Id::Loose(&["ip_list_id", "entry"]),
    redact: Redact::Nothing,
    absent: "the entry or its list was removed",
    fact: "V2 GET /api/v2/iplists, ips[]; networks and ranges are observed",
};

fn row(list: &Value, entry: &str) -> Value {
    let mut row = json!({"ip_list_id": id_of(list), "ip_list_name": list["name"], "entry": entry});
    if let (Some(span), Value::Object(fields)) = (Span::parse(entry), &mut row) {
        fields.insert("first".to_owned(), json!(span.first.to_string()));
        fields.insert("last".to_owned(), json!(span.last.to_string()));
        fields.insert("family".to_owned(), json!(address::family(span.first)));
        fields.insert("prefix_length".to_owned(), json!(span.prefix_length));
        fields.insert("count".to_owned(), json!(span.count()));
        fields.insert("scope".to_owned(), json!(address::scope(span.first)));
    }
    row
}

/// The addresses from `first` to `last`, both of one family.
#[derive(Debug, PartialEq)]
struct Span {
    first: IpAddr,
    last: IpAddr,
    prefix_length: Option<u32>,
}

impl Span {
    fn parse(entry: &str) -> Option<Self> {
        let ip = |text: &str| address::parse(text).map(|address| address.ip);
        if let Some((base, length)) = entry.split_once('/') {
            return Self::network(ip(base)?, length.trim().parse().ok()?);
        }
        let (first, last) = match entry.split_once('-') {
            Some((first, last)) => (ip(first)?, ip(last)?),
            None => (ip(entry)?, ip(entry)?),
        };
        (first.is_ipv4() == last.is_ipv4() && first <= last).then_some(Self { first, last, prefix_length: None })
    }

    fn network(base: IpAddr, length: u32) -> Option<Self> {
        let width: u32 = if base.is_ipv4() { 32 } else { 128 };
        let hosts = width.checked_sub(length)?;
        // A shift by all 128 bits (the network ::/0) does not exist.
        let host_bits = 1_u128.checked_shl(hosts).map_or(u128::MAX, |bit| bit - 1);
        let (first, last) = match base {
            IpAddr::V4(base) => {
                let (base, host_bits) = (base.to_bits(), host_bits as u32);
                (IpAddr::V4((base & !host_bits).into()), IpAddr::V4((base | host_bits).into()))
            }
            IpAddr::V6(base) => {
                let base = base.to_bits();
                (IpAddr::V6((base & !host_bits).into()), IpAddr::V6((base | host_bits).into()))
            }
        };
        Some(Self { first, last, prefix_length: Some(length) })
    }

    fn count(&self) -> f64 {
        let number = |ip| match ip {
            IpAddr::V4(ip) => u128::from(ip.to_bits()),
            IpAddr::V6(ip) => ip.to_bits(),
        };
        (number(self.last) - number(self.first)) as f64 + 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(entry: &str) -> Option<(String, String, f64)> {
        Span::parse(entry).map(|span| (span.first.to_string(), span.last.to_string(), span.count()))
    }

    #[test]
    fn an_entry_is_an_address_a_network_or_a_range() {
        let some = |first: &str, last: &str, count| Some((first.to_owned(), last.to_owned(), count));
        assert_eq!(span("198.51.100.7"), some("198.51.100.7", "198.51.100.7", 1.0));
        assert_eq!(span("198.51.100.77/24"), some("198.51.100.0", "198.51.100.255", 256.0));
        assert_eq!(span("203.0.113.10-203.0.113.20"), some("203.0.113.10", "203.0.113.20", 11.0));
        assert_eq!(span("0.0.0.0/0"), some("0.0.0.0", "255.255.255.255", 4_294_967_296.0));
        assert_eq!(span("2001:db8::/32").map(|span| span.1), Some("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".to_owned()));
        assert_eq!(span("::/0").map(|span| span.2), Some(2_f64.powi(128)));
    }

    #[test]
    fn an_entry_that_can_not_be_read_covers_nothing_that_we_know_of() {
        for entry in
            ["", "office", "198.51.100.0/33", "203.0.113.20-203.0.113.10", "203.0.113.1-2001:db8::1", "10.0.0.0/x"]
        {
            assert_eq!(span(entry), None, "{entry}");
        }
    }
}
