//! The addresses that may be connected to: those of the public internet. A merchant's file names the receiver, which
//! must not open a way into the gateway's own network.
//!
//! Sources: the IANA special-purpose registries of IPv4 and IPv6 (RFC 6890 and those after it). Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Non-public IPv4 networks, with their prefix lengths and their names.
const REFUSED_V4: [(Ipv4Addr, u32, &str); 16] = [
    (Ipv4Addr::UNSPECIFIED, 8, "\"this network\""),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private network"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared by a carrier"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private network"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved for protocols"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "for documentation"),
    (Ipv4Addr::new(192, 31, 196, 0), 24, "reserved for protocols"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a relay to version 6"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private network"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// Non-public IPv6 networks within `2000::/3`.
const REFUSED_V6: [(Ipv6Addr, u32, &str); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "reserved for protocols"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "for documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "a version 4 address in another form"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "for documentation"),
];

/// Named IPv6 networks outside `2000::/3`, which is refused as a whole.
const NAMED_V6: [(Ipv6Addr, u32, &str); 8] = [
    (Ipv6Addr::LOCALHOST, 128, "loopback"),
    (Ipv6Addr::UNSPECIFIED, 128, "no address"),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, "a version 4 address in another form"),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96, "a version 4 address in another form"),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, "a version 4 address in another form"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "a private network"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast"),
];

/// The range of public IPv6 addresses.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// The kind of an address that must not be connected to; `None` for a public one.
#[must_use]
pub(super) fn refused(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => {
            { REFUSED_V4.iter().find(|(network, length, _)| within_v4(address, *network, *length)) }
                .map(|(.., kind)| *kind)
        }
        IpAddr::V6(address) => {
            let named = |networks: &[(Ipv6Addr, u32, &'static str)]| {
                let found =
                    networks.iter().find(|(network, length, _)| within_v6(address, *network, *length));
                found.map(|(.., kind)| *kind)
            };
            if within_v6(address, GLOBAL_V6.0, GLOBAL_V6.1) {
                named(&REFUSED_V6)
            } else {
                named(&NAMED_V6).or(Some("not a public address"))
            }
        }
    }
}

/// Whether an address is this machine's, in a form that names nothing else.
#[must_use]
pub(super) fn is_loopback(address: IpAddr) -> bool {
    address.is_loopback()
}

fn within_v4(address: Ipv4Addr, network: Ipv4Addr, length: u32) -> bool {
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    address.to_bits() & mask == network.to_bits()
}

fn within_v6(address: Ipv6Addr, network: Ipv6Addr, length: u32) -> bool {
    let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
    address.to_bits() & mask == network.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Option<&'static str> {
        refused(text.parse().unwrap())
    }

    #[test]
    fn public_addresses_pass() {
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::1",
            "2001:200::1",
            "3ffe::1",
        ] {
            assert_eq!(kind(public), None, "{public}");
        }
    }

    #[test]
    fn every_address_that_is_not_public_is_refused_by_its_kind() {
        for (kind_of, addresses) in [
            ("\"this network\"", &["0.0.0.0", "0.255.255.255"][..]),
            (
                "a private network",
                &[
                    "10.0.0.1",
                    "10.255.255.255",
                    "172.16.0.0",
                    "172.31.255.255",
                    "192.168.0.1",
                    "fc00::1",
                    "fdff::1",
                ],
            ),
            ("shared by a carrier", &["100.64.0.0", "100.127.255.255"]),
            ("loopback", &["127.0.0.1", "127.255.255.255", "::1"]),
            ("link-local", &["169.254.0.0", "169.254.169.254", "fe80::1", "febf::1"]),
            ("reserved for protocols", &["192.0.0.1", "192.31.196.1", "2001::1", "2001:1ff::1"]),
            (
                "for documentation",
                &["192.0.2.1", "198.51.100.1", "203.0.113.9", "2001:db8::1", "3fff::1", "3fff:fff::1"],
            ),
            ("a relay to version 6", &["192.88.99.1"]),
            ("for benchmarks", &["198.18.0.0", "198.19.255.255"]),
            ("multicast", &["224.0.0.1", "239.255.255.255", "ff02::1"]),
            ("reserved", &["240.0.0.1", "255.255.255.255"]),
            ("no address", &["::"]),
            (
                "a version 4 address in another form",
                &["::ffff:10.0.0.1", "::ffff:1.1.1.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::1"],
            ),
            ("not a public address", &["::127.0.0.1", "::a00:1", "100::1", "fec0::1", "4000::1", "5f00::1"]),
        ] {
            for address in addresses {
                assert_eq!(kind(address), Some(kind_of), "{address}");
            }
        }
    }
}
