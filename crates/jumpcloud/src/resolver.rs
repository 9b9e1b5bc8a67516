//! Name lookup with a guard: a custom host may only be connected to at a public address, whatever its name
//! resolves to at that moment. Proxies and JumpCloud's own hosts (which TLS proves) are not guarded.

use std::{error::Error as StdError, net::SocketAddr, sync::Arc};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::hosts::{Hosts, is_public};

/// Why a name gave no address to connect to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResolveError {
    #[error("the host's name cannot be resolved")]
    Lookup(#[source] std::io::Error),
    #[error("the host's name has no address")]
    Empty,
    #[error("the host's name resolves to an address that is not public")]
    NotPublic,
}

pub(crate) struct Resolver {
    hosts: Arc<Hosts>,
}

impl Resolver {
    pub(crate) fn new(hosts: Hosts) -> Self {
        Self { hosts: Arc::new(hosts) }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.hosts.guards(name.as_str());
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await.map_err(ResolveError::Lookup)?.collect();
            allow(found, guard)
                .map(|addresses| Box::new(addresses.into_iter()) as Addrs)
                .map_err(|error| Box::new(error) as Box<dyn StdError + Send + Sync>)
        })
    }
}

/// Returns the addresses if all may be connected to; one that may not makes the whole name suspicious.
fn allow(found: Vec<SocketAddr>, guard: Option<bool>) -> Result<Vec<SocketAddr>, ResolveError> {
    if found.is_empty() {
        return Err(ResolveError::Empty);
    }
    let Some(loopback) = guard else {
        return Ok(found);
    };
    let allowed = |address: &SocketAddr| is_public(address.ip()) || (loopback && address.ip().is_loopback());
    if found.iter().all(allowed) { Ok(found) } else { Err(ResolveError::NotPublic) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        SocketAddr::new(text.parse().unwrap(), 443)
    }

    #[test]
    fn a_custom_name_that_resolves_to_a_private_address_is_refused() {
        for private in ["10.0.0.1", "169.254.169.254", "127.0.0.1", "::1", "fd00::1", "::ffff:10.0.0.1"] {
            assert!(allow(vec![at(private)], Some(false)).is_err(), "{private}");
            assert!(allow(vec![at("8.8.8.8"), at(private)], Some(false)).is_err(), "{private}");
        }
        assert!(allow(vec![at("8.8.8.8"), at("2606:4700::1111")], Some(false)).is_ok());
        assert!(allow(vec![at("127.0.0.1")], Some(true)).is_ok());
        assert!(allow(vec![at("10.0.0.1")], Some(true)).is_err());
        assert!(allow(vec![], None).is_err());
    }

    #[test]
    fn proxies_and_jumpcloud_hosts_are_not_guarded() {
        assert!(allow(vec![at("10.0.0.1")], None).is_ok());
    }
}
