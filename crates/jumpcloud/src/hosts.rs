//! Which hosts the credential may go to: JumpCloud's regions, or a host that the operator names. Refuses
//! what could carry the key elsewhere. Names are checked here, the addresses behind them in `resolver.rs`.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use url::{Host, Url};

/// A JumpCloud region. No endpoint tells which one a key belongs to; elsewhere it is answered by a plain 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Region {
    /// United States.
    Us,
    /// European Union.
    Eu,
    /// India.
    In,
}

impl Region {
    /// Every region.
    pub const ALL: [Self; 3] = [Self::Us, Self::Eu, Self::In];
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Us => "us",
            Self::Eu => "eu",
            Self::In => "in",
        })
    }
}

/// A text that names no region.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown region; JumpCloud has us (console.jumpcloud.com), eu (console.eu.jumpcloud.com) and in (console.in.jumpcloud.com)"
)]
pub struct UnknownRegion;

impl FromStr for Region {
    type Err = UnknownRegion;

    /// Reads `eu`, or the address of the region's admin console as a browser shows it.
    fn from_str(text: &str) -> Result<Self, UnknownRegion> {
        let text = text.trim().to_ascii_lowercase();
        let host = text.strip_prefix("https://").unwrap_or(&text).split('/').next();
        let is_meant = |region: &Self| text == region.to_string() || host == Hosts::region(*region).console.host_str();
        Self::ALL.into_iter().find(is_meant).ok_or(UnknownRegion)
    }
}

/// Where the three parts of the API live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    /// V1 and V2.
    pub console: Url,
    /// Directory Insights.
    pub insights: Url,
    /// The OAuth token endpoint for service accounts, with its path.
    pub token: Url,
    /// `None` for JumpCloud's own hosts, which TLS proves; else how far a custom host is trusted.
    custom: Option<Custom>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Custom {
    allow_loopback: bool,
}

/// Why a host may not be given the credential, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Not a URL.
    #[error("not a URL; write it like https://console.jumpcloud.com")]
    NotAUrl,
    /// A scheme other than https (or http where it is allowed).
    #[error("only https is accepted (plain http only for a loopback address, and only where that is switched on)")]
    Scheme,
    /// More than scheme, host and port.
    #[error("give only scheme, host and port, such as https://jumpcloud.example.com:8443, without {0}")]
    TooMuch(&'static str),
    /// A private, link-local, metadata or otherwise special address.
    #[error("{0} is not a public address; use the public name of the host")]
    NotPublic(IpAddr),
    /// A name made to look like JumpCloud's.
    #[error("{0} looks like a JumpCloud host but is none; JumpCloud's hosts end in .jumpcloud.com")]
    LookAlike(String),
    /// A name with other letters than ASCII, plain or as punycode.
    #[error("names with non-ASCII letters are not accepted, because they can imitate others; use an ASCII name")]
    International,
}

impl Hosts {
    /// Returns the hosts of a region.
    pub fn region(region: Region) -> Self {
        let part = match region {
            Region::Us => "",
            Region::Eu => "eu.",
            Region::In => "in.",
        };
        let url = |text: String| Url::parse(&text).expect("a fixed, valid URL");
        Self {
            console: url(format!("https://console.{part}jumpcloud.com")),
            insights: url(format!("https://api.{part}jumpcloud.com")),
            token: url(format!("https://admin-oauth.id.{part}jumpcloud.com/oauth2/token")),
            custom: None,
        }
    }

    /// Takes hosts that the operator names, for a gateway or for a simulator. Both must be https; plain http
    /// is accepted for a loopback address (`127.0.0.0/8`, `[::1]`, `localhost`) when `allow_loopback_http`,
    /// which also allows https to loopback. Tokens are asked from the console's host at `/oauth2/token`.
    ///
    /// # Errors
    /// When a URL is none, has more than scheme, host and port, or names a host that must not get a key.
    /// Names that resolve to private addresses are refused when connecting.
    pub fn custom(console: &str, insights: &str, allow_loopback_http: bool) -> Result<Self, HostError> {
        let console = parse(console, allow_loopback_http)?;
        let insights = parse(insights, allow_loopback_http)?;
        let mut token = console.clone();
        token.set_path("/oauth2/token");
        Ok(Self { console, insights, token, custom: Some(Custom { allow_loopback: allow_loopback_http }) })
    }

    /// Tells whether every URL may still be given the credential; they are public and so may have changed.
    pub(crate) fn check(&self) -> Result<(), HostError> {
        let allow_loopback = self.custom.is_some_and(|custom| custom.allow_loopback);
        for url in [&self.console, &self.insights, &self.token] {
            check(url, allow_loopback)?;
        }
        Ok(())
    }

    /// Tells whether the connection must be made to an allowed address of `host`, and if loopback is one.
    pub(crate) fn guards(&self, host: &str) -> Option<bool> {
        let ours = [&self.console, &self.insights, &self.token];
        let custom = self.custom?;
        ours.iter()
            .any(|url| url.host_str().is_some_and(|ours| ours.eq_ignore_ascii_case(host)))
            .then_some(custom.allow_loopback)
    }

    /// Tells whether all hosts are loopback, where a proxy would be wrong.
    pub(crate) fn are_loopback(&self) -> bool {
        [&self.console, &self.insights, &self.token].iter().all(|url| is_loopback(url))
    }
}

fn parse(text: &str, allow_loopback: bool) -> Result<Url, HostError> {
    let text = text.trim();
    // The parser turns other letters into punycode and drops tabs; look at what was written.
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(HostError::International);
    }
    let url = Url::parse(text).map_err(|_| HostError::NotAUrl)?;
    if text.contains('@') {
        return Err(HostError::TooMuch("user name or password"));
    }
    if text.contains('\\') {
        return Err(HostError::NotAUrl);
    }
    if url.path() != "/" && url.scheme().starts_with("http") {
        return Err(HostError::TooMuch("a path"));
    }
    check(&url, allow_loopback)?;
    Ok(url)
}

fn check(url: &Url, allow_loopback: bool) -> Result<(), HostError> {
    let loopback = is_loopback(url) && allow_loopback;
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return Err(HostError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(HostError::TooMuch("user name or password"));
    }
    if url.query().is_some() {
        return Err(HostError::TooMuch("a query"));
    }
    if url.fragment().is_some() {
        return Err(HostError::TooMuch("a fragment"));
    }
    match url.host() {
        None => Err(HostError::NotAUrl),
        Some(Host::Ipv4(ip)) if !loopback => public(ip.into()),
        Some(Host::Ipv6(ip)) if !loopback => public(ip.into()),
        Some(Host::Domain(name)) => look(name),
        Some(_) => Ok(()),
    }
}

fn public(ip: IpAddr) -> Result<(), HostError> {
    if is_public(ip) { Ok(()) } else { Err(HostError::NotPublic(ip)) }
}

fn look(name: &str) -> Result<(), HostError> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if name.split('.').any(|label| label.starts_with("xn--")) {
        return Err(HostError::International);
    }
    let ours = name == "jumpcloud.com" || name.ends_with(".jumpcloud.com");
    // "console.jumpcloud.com.example", "console-jumpcloud.com" and the like.
    if !ours && (name.contains("jumpcloud.com") || name.contains("jumpcloud-com")) {
        return Err(HostError::LookAlike(name));
    }
    Ok(())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Tells whether `ip` is an address of the public internet, as the IANA special-purpose registries have it.
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19)))
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        // Addresses that carry an IPv4 address: NAT64 and 6to4.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        // Documentation, benchmarking, Teredo and the other protocol assignments.
        [0x2001, second, ..] if second == 0xdb8 || second < 0x200 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // Only 2000::/3 is given out; mapped, unique-local, link-local and multicast lie outside.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_have_their_own_hosts_and_names() {
        let eu = Hosts::region("EU".parse().unwrap());
        assert_eq!(eu.console.as_str(), "https://console.eu.jumpcloud.com/");
        assert_eq!(eu.insights.as_str(), "https://api.eu.jumpcloud.com/");
        assert_eq!(eu.token.as_str(), "https://admin-oauth.id.eu.jumpcloud.com/oauth2/token");
        for region in Region::ALL {
            assert_eq!(region.to_string().parse(), Ok(region));
            assert_eq!(Hosts::region(region).check(), Ok(()));
            assert_eq!(Hosts::region(region).guards("console.jumpcloud.com"), None);
        }
        for text in ["console.eu.jumpcloud.com", " https://Console.EU.jumpcloud.com/#/home"] {
            assert_eq!(text.parse(), Ok(Region::Eu), "{text}");
        }
        assert_eq!("console.jumpcloud.com".parse(), Ok(Region::Us));
        for text in ["uk", "", "https://", "jumpcloud.com"] {
            assert!(text.parse::<Region>().is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_that_must_not_get_a_key_are_refused() {
        for (url, allow_loopback) in [
            ("http://169.254.169.254", true),
            ("https://169.254.169.254", false),
            ("http://127.0.0.1:8080", false),
            ("https://127.0.0.1", false),
            ("https://[::1]", false),
            ("http://[::1]", false),
            ("https://10.1.2.3", true),
            ("https://192.168.1.1", true),
            ("https://172.16.0.1", true),
            ("https://100.64.0.1", true),
            ("https://0.0.0.0", true),
            ("https://2130706433", false),
            ("https://0x7f.1", false),
            ("https://[::ffff:10.0.0.1]", true),
            ("https://[fd00::1]", true),
            ("https://[fe80::1]", true),
            ("https://[64:ff9b::a9fe:a9fe]", true),
            ("https://[2002:a9fe:a9fe::1]", true),
            ("file:///etc/passwd", true),
            ("gopher://example.com", true),
            ("unix:/run/x.sock", true),
            ("http://example.com", true),
            ("https://api.jumpcloud.com@evil.example", true),
            ("https://@evil.example", true),
            ("https://evil.example\\@api.jumpcloud.com", true),
            ("https://api.jumpcloud.com.evil.example", true),
            ("https://console-jumpcloud.com", true),
            ("https://consоle.jumpcloud.com", true),
            ("https://xn--consle-3nf.jumpcloud.com", true),
            ("https://example.com/api", true),
            ("https://example.com/?x", true),
            ("https://example.com/#x", true),
            ("https://", true),
            ("example.com", true),
            ("", true),
        ] {
            let hosts = Hosts::custom(url, url, allow_loopback);
            assert!(hosts.is_err(), "{url} was accepted");
            assert!(Hosts::custom("https://gateway.example.com", url, allow_loopback).is_err());
        }
    }

    #[test]
    fn a_public_https_host_and_an_allowed_loopback_are_accepted() {
        let hosts = Hosts::custom("https://gw.example.com:8443/", "https://di.example.com", false).unwrap();
        assert_eq!(hosts.token.as_str(), "https://gw.example.com:8443/oauth2/token");
        assert_eq!(hosts.guards("GW.example.com"), Some(false));
        assert_eq!(hosts.guards("proxy.example.com"), None);
        for url in ["http://127.0.0.1:4000", "http://[::1]:4000", "http://localhost:4000", "https://127.0.0.1:1"] {
            let hosts = Hosts::custom(url, url, true).unwrap();
            assert!(hosts.are_loopback());
        }
        assert!(Hosts::custom("https://8.8.8.8", "https://[2606:4700::1111]", false).is_ok());
    }

    #[test]
    fn a_url_changed_afterwards_is_checked_again() {
        let mut hosts = Hosts::region(Region::Us);
        hosts.console = Url::parse("http://127.0.0.1").unwrap();
        assert_eq!(hosts.check(), Err(HostError::Scheme));
    }
}
