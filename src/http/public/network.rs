//! The network of a request, for limits that are shared fairly between networks.
//!
//! Invariant: only a proxy that the configuration names is trusted; header values of other senders are ignored.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;
use ipnet::IpNet;

use crate::http::listener::network;

/// The header in which each proxy appends the address that its request came from.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The trusted proxies.
#[derive(Debug)]
pub(super) struct Proxies {
    trusted: Vec<IpNet>,
    /// Whether a warning was logged about an address that looks like a proxy and is not configured.
    forwarded: AtomicBool,
}

impl Proxies {
    pub(super) fn new(trusted: Vec<IpNet>) -> Self {
        let trusted = trusted.into_iter().map(plain).collect();
        Self { trusted, forwarded: AtomicBool::new(false) }
    }

    /// The network that sent a request to the first trusted proxy, or to us.
    pub(super) fn network_of(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip().to_canonical();
        let forwarded: Vec<&[u8]> =
            request.headers().get_all(FORWARDED_FOR).map(HeaderValue::as_bytes).collect();
        let believes = is_trusted(peer, &self.trusted);
        if !believes
            && !forwarded.is_empty()
            && is_near(peer)
            && !self.forwarded.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(address = %peer, "forwarded_for_not_believed");
        }
        let sender = sender(peer, &forwarded, &self.trusted);
        Some(network(sender))
    }
}

/// An IPv4 network that is written as an IPv6 one: addresses are compared in their plain form.
fn plain(network: IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    match (network, network.addr().to_canonical(), network.prefix_len().checked_sub(MAPPED)) {
        (IpNet::V6(_), address @ IpAddr::V4(_), Some(prefix)) => {
            IpNet::new(address, prefix).unwrap_or(network)
        }
        _ => network,
    }
}

/// Whether an address is in a private network, where proxies are.
const fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_loopback(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_loopback(),
    }
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// The last address that is not a trusted proxy's. Text that clients have written before it may not be valid.
fn sender(peer: IpAddr, forwarded: &[&[u8]], trusted: &[IpNet]) -> IpAddr {
    let mut sender = peer.to_canonical();
    let hops = forwarded.iter().rev().flat_map(|header| header.rsplit(|byte| *byte == b','));
    for hop in hops {
        if !is_trusted(sender, trusted) {
            break;
        }
        // If a proxy's entry is not readable, the proxy itself is the last known address.
        let Some(before) = str::from_utf8(hop).ok().and_then(|hop| address(hop.trim())) else { break };
        sender = before;
    }
    sender
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let trusted = ["127.0.0.0/8", "::1/128", "10.0.0.0/8"].map(|network| network.parse().unwrap());
        let forwarded: Vec<&[u8]> = forwarded.iter().map(|header| header.as_bytes()).collect();
        network(sender(peer.parse().unwrap(), &forwarded, &trusted)).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_sets_the_network_a_request_comes_from() {
        for (peer, forwarded, from) in [
            ("203.0.113.7", &[][..], "203.0.113.7"),
            ("203.0.113.7", &["198.51.100.1"], "203.0.113.7"),
            ("127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["192.0.2.9, 198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["192.0.2.9, 198.51.100.1, 10.1.2.3"], "198.51.100.1"),
            ("127.0.0.1", &["192.0.2.9", "198.51.100.1", "10.1.2.3"], "198.51.100.1"),
            ("127.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("127.0.0.1", &["unknown"], "127.0.0.1"),
            ("127.0.0.1", &[""], "127.0.0.1"),
            ("127.0.0.1", &[], "127.0.0.1"),
        ] {
            assert_eq!(seen(peer, forwarded), from, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn a_client_cannot_hide_the_address_that_the_proxy_appends() {
        let proxies = Proxies::new(vec!["127.0.0.0/8".parse().unwrap()]);
        for (forwarded, from) in [
            (&[&b"\xff, 198.51.100.1"[..]][..], "198.51.100.1"),
            (&[b"192.0.2.9", b"\xff, 198.51.100.1"], "198.51.100.1"),
            (&[b"192.0.2.9", b"\xff"], "127.0.0.1"),
        ] {
            let peer = "127.0.0.1:4711".parse().unwrap();
            let request =
                forwarded.iter().fold(TestRequest::default().peer_addr(peer), |request, forwarded| {
                    request.append_header((FORWARDED_FOR, HeaderValue::from_bytes(forwarded).unwrap()))
                });
            let seen = proxies.network_of(&request.to_http_request());
            assert_eq!(seen, Some(from.parse().unwrap()), "{forwarded:?}");
        }
    }

    #[test]
    fn a_proxys_network_of_ipv4_may_be_written_as_one_of_ipv6() {
        for (written, meant) in [
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(plain(written.parse().unwrap()).to_string(), meant, "{written}");
        }
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_sender() {
        assert_eq!(seen("2001:db8:1:2::3", &[]), "2001:db8:1:2::");
        assert_eq!(seen("::1", &["[2001:db8:1:2:ffff::9]"]), "2001:db8:1:2::");
        assert_eq!(seen("::1", &["[2001:db8:1:2:ffff::9]:443"]), "2001:db8:1:2::");
    }
}
