//! Hosts, addresses and origins in a configuration.
//!
//! Must not import `domain` or `ports`. Invariant: plain `http` is allowed to this machine only, and no valid address
//! contains a user name or a password.

use std::net::IpAddr;

use url::{Host, Url};

/// Top-level names that are never public (RFC 2606, 6761, 6762 and 8375; ICANN's `internal`).
const LOCAL_NAMES: [&str; 6] = ["localhost", "local", "internal", "test", "invalid", "home.arpa"];

/// Names that are reserved for examples (RFC 2606).
const EXAMPLE_NAMES: [&str; 4] = ["example", "example.com", "example.net", "example.org"];

/// Why a text is not a valid address, origin or host: the problem and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) problem: &'static str,
    pub(super) remedy: &'static str,
}

/// The text is no address at all.
pub(super) const NO_ADDRESS: Wrong = Wrong {
    problem: "is not an absolute address",
    remedy: "write it in full, such as https://shop.example/terms",
};

const fn wrong<T>(problem: &'static str, remedy: &'static str) -> Result<T, Wrong> {
    Err(Wrong { problem, remedy })
}

/// Parses an absolute `https` address; `http` is allowed for loopback.
pub(super) fn address(text: &str) -> Result<Url, Wrong> {
    const MOST: usize = 2048;
    if text.len() > MOST {
        return wrong("is longer than 2048 bytes", "use a shorter address");
    }
    if text.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return wrong("holds a space or a control character", "write spaces in an address as %20");
    }
    let Ok(url) = Url::parse(text) else { return Err(NO_ADDRESS) };
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("carries a user name or a password", "remove what stands before the @");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if url.host().is_some_and(|host| is_loopback(&host)) => Ok(url),
        "http" => wrong("is plain http, which is allowed only towards this machine", "use https"),
        _ => wrong("is not an https address", "write it in full, such as https://shop.example/terms"),
    }
}

/// Parses an origin, `https://host` or `https://host:port`, and writes it as browsers do.
pub(super) fn origin(text: &str) -> Result<String, Wrong> {
    let url = address(text)?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return wrong("is more than an origin", "write scheme and host only, such as https://shop.example");
    }
    Ok(url.origin().ascii_serialization())
}

/// Parses a host name for a merchant: a DNS name without port, in lower case.
pub(super) fn host_name(text: &str) -> Result<String, Wrong> {
    let host = text.to_ascii_lowercase();
    if host.contains("://") || host.contains('/') {
        return wrong("is an address and not a host name", "write the name only, such as shop.example");
    }
    if host.starts_with('[') || host.parse::<IpAddr>().is_ok() {
        return wrong(
            "is an IP address",
            "write a DNS name; for previews use the path /t/{tenant} on a base host",
        );
    }
    if host.contains(':') {
        return wrong("names a port", "write the name only; the port plays no part in choosing the merchant");
    }
    if host.ends_with('.') {
        return wrong("ends with a dot", "remove the dot; requests with and without it are answered alike");
    }
    if !host.is_ascii() {
        return wrong("is not in its ASCII form", "write internationalised names as xn--…");
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let numeric_end =
        host.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    if host.len() > 253 || !host.split('.').all(label) || numeric_end {
        return wrong(
            "is not a valid DNS name",
            "use letters, digits, hyphens and dots, such as shop.example",
        );
    }
    Ok(host)
}

/// Parses a host of the gateway's own: a DNS name or an IP address (version 6 in brackets), without port.
pub(super) fn base_host(text: &str) -> Result<String, Wrong> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match (bare, text.parse::<IpAddr>()) {
        (Some(inside), _) => match inside.parse::<std::net::Ipv6Addr>() {
            Ok(ip) => Ok(format!("[{ip}]")),
            Err(_) => wrong("is not an IP address", "write version 6 addresses in brackets, such as [::1]"),
        },
        (None, Ok(IpAddr::V4(ip))) => Ok(ip.to_string()),
        (None, Ok(IpAddr::V6(_))) => wrong("lacks its brackets", "write version 6 addresses as in [::1]"),
        (None, Err(_)) => host_name(text),
    }
}

/// Why a live shop cannot have an address at this host: browsers and ChatGPT could not reach it with a certificate.
pub(super) fn not_public(host: &str) -> Option<&'static str> {
    if host.starts_with('[') || host.parse::<IpAddr>().is_ok() {
        Some("is an IP address and not a domain")
    } else if is_below(host, &LOCAL_NAMES) || !host.contains('.') {
        Some("is known on this machine or in its network only")
    } else {
        is_example(host).then_some("is reserved for examples")
    }
}

/// Whether nobody can have this host, because it is reserved for examples.
pub(super) fn is_example(host: &str) -> bool {
    is_below(host, &EXAMPLE_NAMES)
}

fn is_below(host: &str, names: &[&str]) -> bool {
    names
        .iter()
        .any(|name| host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_passes_only_towards_this_machine() {
        for right in
            ["https://shop.example/a?b=c", "http://127.0.0.1:12111", "http://[::1]/x", "http://a.localhost/"]
        {
            assert!(address(right).is_ok(), "{right}");
        }
        for wrong in [
            "http://shop.example",
            "http://localhost.evil.example",
            "javascript:alert(1)",
            "/terms",
            "shop.example",
            "https://user@shop.example",
            "https://u:p@shop.example/",
            "https://shop.example/a b",
            "data:,x",
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        assert_eq!(origin("https://ChatGPT.com/").unwrap(), "https://chatgpt.com");
        assert_eq!(origin("https://shop.example:443").unwrap(), "https://shop.example");
        assert_eq!(origin("http://localhost:8080").unwrap(), "http://localhost:8080");
        assert!(origin("https://shop.example/path").is_err());
        assert!(origin("null").is_err());
    }

    #[test]
    fn host_names_are_lower_cased_dns_names() {
        assert_eq!(host_name("Coffee.Localhost").unwrap(), "coffee.localhost");
        for wrong in [
            "",
            "a..b",
            "-a.example",
            "a_b.example",
            "a.example:80",
            "a.example.",
            "127.0.0.1",
            "[::1]",
            "::1",
            "https://a.example",
            "ä.example",
            "1.2.3.999",
            "a.example/x",
            "*.example",
            &"a".repeat(64),
        ] {
            assert!(host_name(wrong).is_err(), "{wrong}");
        }
        assert_eq!(base_host("[0:0::1]").unwrap(), "[::1]");
        assert_eq!(base_host("127.0.0.1").unwrap(), "127.0.0.1");
        assert!(base_host("::1").is_err());
    }
}
