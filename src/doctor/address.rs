//! The shop at its public address: the host's name, its certificate, and what answers there.

use std::net::SocketAddr;

use serde_json::json;
use url::Url;

use super::Subject;
use super::finding::Finding;
use super::web::{Page, Web};
use crate::domain::time::{Span, Timestamp};
use crate::protocol::mcp::instructions;

const NAME: &str = "host name";
const CERTIFICATE: &str = "certificate";
const ENDPOINT: &str = "MCP endpoint";
const SEARCH: &str = "search";
const CHALLENGE: &str = "domain challenge";

/// How long a certificate must still be valid.
const CERTIFICATE_ENDS_SOON: Span = Span::hours(14 * 24);

pub(super) async fn examine(subject: &Subject<'_>) -> Vec<Finding> {
    let Ok(base) = Url::parse(&subject.base) else { return Vec::new() };
    let host = base.host_str().unwrap_or_default().to_owned();
    let is_here = host.ends_with("localhost") || host == "127.0.0.1" || host == "[::1]";
    let web = &subject.web;
    let mut found = Vec::new();
    if is_here {
        found.push(Finding::skip(NAME, format!("{host} is this machine")));
        if base.scheme() == "https" {
            // Nothing serves a name of this machine over TLS.
            found.push(Finding::skip(
                ENDPOINT,
                format!("{}/mcp is not reachable from elsewhere", subject.base),
            ));
            return found;
        }
    } else {
        match name(&host, base.port_or_known_default().unwrap_or(443), subject.doctor.via).await {
            Ok(finding) => found.push(finding),
            Err(failed) => {
                found.push(failed);
                let later = [CERTIFICATE, ENDPOINT, SEARCH, CHALLENGE];
                found.extend(later.map(|check| Finding::skip(check, "the host name leads nowhere")));
                return found;
            }
        }
    }
    let endpoint = format!("{}/mcp", subject.base);
    let page = match web.ask(&endpoint, "server/discover", json!({})).await {
        Ok(page) => page,
        Err(why) => {
            let remedy = "check that the gateway runs, that the proxy passes this host on to public.listen, and that the \
                          certificate is this host's, with the authorities between";
            found.push(Finding::fail(ENDPOINT, format!("{endpoint} does not answer: {why}"), remedy));
            found.extend(
                [SEARCH, CHALLENGE].map(|check| Finding::skip(check, "the endpoint does not answer")),
            );
            return found;
        }
    };
    found.extend(page.certificate.as_deref().map(|der| certificate(der, subject.doctor.clock.now())));
    let serves = discovered(subject, &endpoint, &page);
    let is_served = serves.remedy.is_none();
    found.push(serves);
    if is_served {
        found.push(searched(web, &endpoint).await);
        found.push(challenge(subject, web).await);
    }
    found
}

async fn name(host: &str, port: u16, via: Option<SocketAddr>) -> Result<Finding, Finding> {
    if let Some(address) = via {
        return Ok(Finding::skip(
            NAME,
            format!("{host} is looked for at {address}, whatever its name leads to"),
        ));
    }
    match tokio::net::lookup_host((host, port)).await {
        Ok(addresses) => {
            let mut shown: Vec<String> = addresses.map(|address| address.ip().to_string()).collect();
            shown.dedup();
            Ok(Finding::pass(NAME, format!("{host} leads to {}", shown.join(", "))))
        }
        Err(error) => Err(Finding::fail(
            NAME,
            format!("{host} leads to no address ({error})"),
            "add a record for it at the domain's DNS provider: A or AAAA to the proxy's address, or CNAME to its name",
        )),
    }
}

fn certificate(der: &[u8], now: Timestamp) -> Finding {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(der) else {
        return Finding::warn(
            CERTIFICATE,
            "the certificate cannot be read",
            "look at it with openssl s_client",
        );
    };
    let ends = Timestamp::from_seconds(parsed.validity().not_after.timestamp());
    let day = ends.to_string().chars().take(10).collect::<String>();
    if ends < now + CERTIFICATE_ENDS_SOON {
        let remedy = "renew it, and check that the proxy renews it by itself";
        return Finding::warn(CERTIFICATE, format!("ends soon, on {day}"), remedy);
    }
    Finding::pass(CERTIFICATE, format!("valid until {day}"))
}

fn discovered(subject: &Subject<'_>, endpoint: &str, page: &Page) -> Finding {
    let answer = page.json();
    let said = answer["result"]["instructions"].as_str();
    match (page.status.as_u16(), said) {
        (200, Some(said)) if said == instructions(&subject.view) => {
            Finding::pass(ENDPOINT, format!("{endpoint} answers as {}", subject.view.name))
        }
        (200, Some(_)) => Finding::warn(
            ENDPOINT,
            format!("{endpoint} answers as another shop, or by another version of the file"),
            "compare with tenant show: the gateway may have kept an earlier file, or the host may lead elsewhere",
        ),
        (404, _) => Finding::fail(
            ENDPOINT,
            format!("{endpoint} answers 404: no shop is known there"),
            "check with tenant show that the merchant is served, and that the proxy passes the Host header on unchanged",
        ),
        (status, _) => Finding::fail(
            ENDPOINT,
            format!("{endpoint} answers {status}, and not as a gateway"),
            "check that the proxy passes this host on to public.listen, whole and unchanged",
        ),
    }
}

async fn searched(web: &Web, endpoint: &str) -> Finding {
    let remedy = "look at the gateway's log for mcp_answered with this merchant";
    match web.ask(endpoint, "tools/call", json!({ "name": "search_products", "arguments": {} })).await {
        Ok(page) => {
            let answer = page.json();
            let products = answer["result"]["structuredContent"]["products"].as_array().map_or(0, Vec::len);
            if products > 0 {
                Finding::pass(SEARCH, format!("finds {products} products"))
            } else {
                Finding::fail(SEARCH, format!("finds nothing (status {})", page.status.as_u16()), remedy)
            }
        }
        Err(why) => Finding::fail(SEARCH, format!("does not answer: {why}"), remedy),
    }
}

async fn challenge(subject: &Subject<'_>, web: &Web) -> Finding {
    let url = format!("{}/.well-known/openai-apps-challenge", subject.base);
    let Some(expected) = &subject.view.chatgpt.challenge else {
        return Finding::skip(
            CHALLENGE,
            "chatgpt.challenge is not set; it is needed when the app is submitted",
        );
    };
    match web.get(&url).await {
        Ok(page) if page.status.as_u16() == 200 && page.body.trim_ascii() == expected.as_bytes() => {
            Finding::pass(CHALLENGE, format!("{url} answers the token"))
        }
        Ok(page) => Finding::fail(
            CHALLENGE,
            format!("{url} answers {} without the token", page.status.as_u16()),
            "check that the proxy passes /.well-known/ on to the gateway",
        ),
        Err(why) => Finding::fail(
            CHALLENGE,
            format!("{url} does not answer: {why}"),
            "check that the proxy passes /.well-known/ on to the gateway",
        ),
    }
}
