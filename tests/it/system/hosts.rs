//! Every form in which a request can name a host: which merchant answers it, told by each merchant's verification token.
//! The requests are written by hand, because a client corrects them.

use stripe_emulator::AccountSeed;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::abroad::abroad;
use crate::support::client::{Client, Speaks};
use crate::support::test_gateway::{OTHER_SHOP, SHOP, Shop, TestGateway, account, usual_shops};

const CHALLENGE: &str = "/.well-known/openai-apps-challenge";

/// What each host answers at that address.
const COFFEE: &str = "token-of-coffee";
const KILN: &str = "token-of-kiln";
const BUECHER: &str = "token-of-buecher";

const IDN_SHOP: &str = "buecher";

/// A shop whose name is written with a letter that is not ASCII.
fn of_idn(kiln: &Shop) -> Shop {
    let file = kiln
        .file
        .replace("kiln.localhost", "xn--bcher-kva.localhost")
        .replace("acct_kiln", "acct_buecher")
        .replace("kilnworks", "buecher")
        .replace("MERCHANT_KILN_WORKS__STRIPE_KEY", "MERCHANT_BUECHER__STRIPE_KEY");
    let account: AccountSeed = account("acct_buecher", "sk_test_buecher1", true, "profile_test_buecher");
    Shop {
        id: IDN_SHOP.to_owned(),
        file,
        variable: "MERCHANT_BUECHER__STRIPE_KEY".to_owned(),
        webhook_variable: None,
        account,
    }
}

/// Three shops with a token each, and one without.
fn shops() -> Vec<Shop> {
    let mut shops = usual_shops();
    shops.push(of_idn(&shops[1]));
    for (shop, token) in shops.iter_mut().zip([COFFEE, KILN, BUECHER]) {
        let line = format!("[chatgpt]\nchallenge = \"{token}\"\n");
        shop.file = if shop.file.contains("[chatgpt]\n") {
            shop.file.replacen("[chatgpt]\n", &line, 1)
        } else {
            format!("{}\n{line}", shop.file)
        };
    }
    shops.push(abroad());
    shops
}

/// A reply, as it was sent.
#[derive(Debug, PartialEq, Eq)]
struct Reply {
    status: u16,
    /// Status line and headers, without the date.
    head: String,
    body: String,
}

/// Sends these bytes, and reads until the gateway closes the connection.
async fn sent(world: &TestGateway, request: &[u8]) -> Reply {
    let mut connection = TcpStream::connect(world.url("").replace("http://", "")).await.unwrap();
    connection.write_all(request).await.unwrap();
    let mut received = Vec::new();
    // A connection that is reset after the reply has said all of it.
    let _ = connection.read_to_end(&mut received).await;
    let received = String::from_utf8(received).unwrap();
    let (head, body) = received.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no reply: {received:?}"));
    let lines = head.split("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("date:"));
    let head = lines.collect::<Vec<_>>().join("\n");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    Reply { status, head, body: body.to_owned() }
}

/// A request for the token in HTTP/1.1, by target and further header lines.
fn asks(target: &str, lines: &[&[u8]]) -> Vec<u8> {
    let mut request = format!("GET {target} HTTP/1.1\r\n").into_bytes();
    for line in lines {
        request.extend_from_slice(line);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"Connection: close\r\n\r\n");
    request
}

/// The same under one `Host`.
async fn at_host(world: &TestGateway, host: impl AsRef<[u8]>, target: &str) -> Reply {
    sent(world, &asks(target, &[&[b"Host: ".as_slice(), host.as_ref()].concat()])).await
}

/// A merchant answers with its token, or nobody does.
fn answers(reply: &Reply, expected: Option<&str>, case: &str) {
    match expected {
        Some(token) => assert_eq!((reply.status, reply.body.as_str()), (200, token), "{case}"),
        None => assert_eq!((reply.status, reply.body.as_str()), (404, "Not found\n"), "{case}: {reply:?}"),
    }
}

/// No merchant answers; a request that is no HTTP is refused as such.
fn answers_nobody(reply: &Reply, case: &str) {
    assert!(matches!(reply.status, 400 | 404), "{case}: {reply:?}");
    assert!(!reply.body.contains("token-of"), "{case}: {reply:?}");
}

#[tokio::test]
async fn each_form_of_a_host_names_one_merchant_or_none() {
    let world = TestGateway::of_shops(shops());
    for (host, expected) in [
        ("coffee.localhost", Some(COFFEE)),
        ("kiln.localhost", Some(KILN)),
        ("abroad.localhost", None),
        ("COFFEE.LocalHost", Some(COFFEE)),
        ("coffee.localhost:8080", Some(COFFEE)),
        ("coffee.localhost:", Some(COFFEE)),
        ("coffee.localhost.", Some(COFFEE)),
        ("Coffee.localhost.:443", Some(COFFEE)),
        ("coffee.localhost..", None),
        ("coffee.localhost..:443", None),
        (".coffee.localhost", None),
        ("coffee..localhost", None),
        ("coffee.localhost:80:90", None),
        ("coffee.localhost:80a", None),
        ("coffee.localhost:-1", None),
        ("coffee.localhost/", None),
        ("coffee.localhost?", None),
        ("coffee.localhost#", None),
        ("http://coffee.localhost", None),
        ("coffee%2elocalhost", None),
        ("coffee.localhost, kiln.localhost", None),
        ("coffee.localhost kiln.localhost", None),
        ("*", None),
        ("*.localhost", None),
        ("", None),
        (".", None),
        ("evil@coffee.localhost", None),
        ("coffee.localhost@kiln.localhost", None),
        ("evil:secret@coffee.localhost:80", None),
        ("coffee.localhost.evil.example", None),
        ("evil.coffee.localhost", None),
        ("coffee", None),
        ("evil.example", None),
        ("192.0.2.1", None),
        ("[2001:db8::1]:8080", None),
        ("[coffee.localhost]", None),
        ("[::1", None),
        // The gateway's own hosts name no merchant without a prefix.
        ("127.0.0.1", None),
        ("localhost", None),
        ("[::1]:8080", None),
    ] {
        answers(&at_host(&world, host, CHALLENGE).await, expected, host);
    }
}

#[tokio::test]
async fn an_international_name_is_known_in_its_ascii_form_only() {
    let world = TestGateway::of_shops(shops());
    for host in ["xn--bcher-kva.localhost", "XN--BCHER-KVA.LOCALHOST", "Xn--Bcher-kva.localhost.:80"] {
        answers(&at_host(&world, host, CHALLENGE).await, Some(BUECHER), host);
    }
    for host in ["b\u{fc}cher.localhost", "B\u{dc}CHER.localhost", "bu\u{308}cher.localhost"] {
        answers_nobody(&at_host(&world, host, CHALLENGE).await, host);
    }
    // The same name as Latin-1 has it, and a letter that looks like one of another shop's.
    answers_nobody(&at_host(&world, b"b\xfccher.localhost", CHALLENGE).await, "Latin-1");
    answers_nobody(&at_host(&world, "\u{441}offee.localhost", CHALLENGE).await, "Cyrillic");
    answers_nobody(&at_host(&world, "coffee\u{3002}localhost", CHALLENGE).await, "ideographic full stop");
}

#[tokio::test]
async fn a_full_address_in_the_request_must_name_the_same_host() {
    let world = TestGateway::of_shops(shops());
    for (authority, host, expected) in [
        ("coffee.localhost", "coffee.localhost", Some(COFFEE)),
        ("Coffee.Localhost", "coffee.localhost", Some(COFFEE)),
        ("coffee.localhost:8080", "coffee.localhost:8080", Some(COFFEE)),
        ("kiln.localhost", "kiln.localhost", Some(KILN)),
        ("kiln.localhost", "coffee.localhost", None),
        ("coffee.localhost", "kiln.localhost", None),
        ("coffee.localhost:8080", "coffee.localhost:8081", None),
        ("evil@coffee.localhost", "coffee.localhost", None),
        ("evil@coffee.localhost", "evil@coffee.localhost", None),
        ("coffee.localhost", "evil.example", None),
        ("evil.example", "coffee.localhost", None),
        ("coffee.localhost", "127.0.0.1", None),
    ] {
        for scheme in ["http", "https"] {
            let target = format!("{scheme}://{authority}{CHALLENGE}");
            let reply = at_host(&world, host, &target).await;
            answers(&reply, expected, &format!("{target} at {host}"));
        }
    }
    let preview = format!("/t/{OTHER_SHOP}{CHALLENGE}");
    for (authority, host, expected) in [
        ("127.0.0.1", "127.0.0.1", Some(KILN)),
        ("127.0.0.1", "coffee.localhost", None),
        ("coffee.localhost", "127.0.0.1", None),
        ("kiln.localhost", "kiln.localhost", None),
    ] {
        let reply = at_host(&world, host, &format!("http://{authority}{preview}")).await;
        answers(&reply, expected, &format!("{authority}{preview} at {host}"));
    }
}

#[tokio::test]
async fn no_merchant_answers_a_request_without_exactly_one_host() {
    let world = TestGateway::of_shops(shops());
    let coffee = b"Host: coffee.localhost".as_slice();
    let full = format!("http://coffee.localhost{CHALLENGE}");
    for (case, request) in [
        ("no host", asks(CHALLENGE, &[])),
        ("the same host twice", asks(CHALLENGE, &[coffee, coffee])),
        ("two hosts", asks(CHALLENGE, &[coffee, b"Host: kiln.localhost"])),
        (
            "two hosts, in other letters",
            asks(CHALLENGE, &[b"HOST: kiln.localhost", b"host: coffee.localhost"]),
        ),
        ("an empty host, and one", asks(CHALLENGE, &[b"Host:", coffee])),
        ("a base host, and one", asks(CHALLENGE, &[b"Host: 127.0.0.1", coffee])),
        ("a full address alone", asks(&full, &[])),
        ("a full address and two hosts", asks(&full, &[coffee, coffee])),
        ("a space before the colon", asks(CHALLENGE, &[b"Host : coffee.localhost"])),
        ("a folded line", asks(CHALLENGE, &[b"Host:", b" coffee.localhost"])),
        ("a zero byte", asks(CHALLENGE, &[b"Host: coffee.localhost\0"])),
        ("another header", asks(CHALLENGE, &[b"X-Host: coffee.localhost"])),
        ("HTTP/1.0", format!("GET {CHALLENGE} HTTP/1.0\r\n\r\n").into_bytes()),
        ("HTTP/1.0 and a full address", format!("GET {full} HTTP/1.0\r\n\r\n").into_bytes()),
        ("HTTP/0.9", format!("GET {CHALLENGE}\r\n\r\n").into_bytes()),
        ("a host for a target", asks("coffee.localhost:80", &[coffee])),
        ("a host and a path for a target", asks(&format!("coffee.localhost{CHALLENGE}"), &[coffee])),
        ("two slashes before the host", asks(&format!("//kiln.localhost{CHALLENGE}"), &[coffee])),
    ] {
        answers_nobody(&sent(&world, &request).await, case);
    }
    let old = format!("GET {CHALLENGE} HTTP/1.0\r\nHost: coffee.localhost\r\n\r\n");
    answers(&sent(&world, old.as_bytes()).await, Some(COFFEE), "HTTP/1.0 with a host");
}

#[tokio::test]
async fn each_request_of_a_connection_is_decided_by_its_own_host() {
    let world = TestGateway::of_shops(shops());
    let hosts =
        ["coffee.localhost", "evil.example", "kiln.localhost", "abroad.localhost", "Coffee.localhost."];
    let mut requests = Vec::new();
    for host in hosts {
        requests.extend(format!("GET {CHALLENGE} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes());
    }
    requests.extend(asks(CHALLENGE, &[b"Host: kiln.localhost"]));
    let told = sent(&world, &requests).await;
    let told = format!("{}\r\n\r\n{}", told.head, told.body);
    let lines = |word: &str| told.lines().filter(|line| line.contains(word)).count();
    let order: Vec<&str> = told
        .match_indices("\r\n\r\n")
        .map(|(at, gap)| &told[at + gap.len()..])
        .map(|body| body.split("HTTP/1.1").next().unwrap().split("\r\n").next().unwrap())
        .collect();
    assert_eq!(order, [COFFEE, "Not found\n", KILN, "Not found\n", COFFEE, KILN], "{told}");
    assert_eq!((lines("HTTP/1.1 200"), lines("HTTP/1.1 404")), (4, 2), "{told}");
}

#[tokio::test]
async fn an_unknown_host_is_answered_like_an_unknown_path() {
    let world = TestGateway::of_shops(shops());
    let known = at_host(&world, "coffee.localhost", "/no-such-page").await;
    assert_eq!(known.status, 404);
    for (host, target) in [
        ("evil.example", "/no-such-page"),
        ("evil.example", CHALLENGE),
        ("evil.example", "/mcp"),
        ("evil.example", "/t/harbor-coffee/mcp"),
        ("192.0.2.1", "/checkout/chk_1?key=1"),
        ("127.0.0.1", "/t/nobody/mcp"),
        ("127.0.0.1", "/t/nobody"),
        ("127.0.0.1", "/t/harbor-coffee/no-such-page"),
        ("127.0.0.1", CHALLENGE),
        ("abroad.localhost", CHALLENGE),
        ("coffee.localhost", "/"),
        ("coffee.localhost", "/admin/v1/tenants"),
        ("coffee.localhost", "/webhooks/stripe/more"),
    ] {
        assert_eq!(at_host(&world, host, target).await, known, "{target} at {host}");
    }
}

#[tokio::test]
async fn forwarding_headers_choose_no_merchant() {
    // This machine is believed as a proxy in the first world, and is a stranger in the second.
    for proxies in ["127.0.0.0/8,::1", "192.0.2.0/24"] {
        let mut world = TestGateway::closed(shops());
        world.settings.push(("GATEWAY__PUBLIC__TRUSTED_PROXIES", proxies));
        world.start_gateway();
        for line in [
            "X-Forwarded-Host: kiln.localhost",
            "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Host: kiln.localhost",
            "X-Forwarded-Server: kiln.localhost",
            "X-Original-Host: kiln.localhost",
            "X-Host: kiln.localhost",
            "Forwarded: host=kiln.localhost",
            "Forwarded: for=198.51.100.1;host=\"kiln.localhost\";proto=https",
            "X-Original-URL: /t/kiln-works/.well-known/openai-apps-challenge",
            "X-Rewrite-URL: http://kiln.localhost/.well-known/openai-apps-challenge",
        ] {
            for (host, expected) in
                [("coffee.localhost", Some(COFFEE)), ("evil.example", None), ("127.0.0.1", None)]
            {
                let host = format!("Host: {host}");
                let request = asks(CHALLENGE, &[line.as_bytes(), host.as_bytes()]);
                answers(&sent(&world, &request).await, expected, &format!("{line}, {host}, by {proxies}"));
            }
            let alone = asks(CHALLENGE, &[line.as_bytes()]);
            answers_nobody(&sent(&world, &alone).await, line);
        }
    }
}

#[tokio::test]
async fn a_merchants_own_host_serves_no_previews() {
    let world = TestGateway::of_shops(shops());
    for tenant in [SHOP, OTHER_SHOP, IDN_SHOP, "nobody"] {
        for host in ["coffee.localhost", "kiln.localhost", "xn--bcher-kva.localhost", "abroad.localhost"] {
            for path in [
                format!("/t/{tenant}{CHALLENGE}"),
                format!("/t/{tenant}/mcp"),
                format!("//t/{tenant}{CHALLENGE}"),
                format!("/./t/{tenant}{CHALLENGE}"),
                format!("/T/{tenant}{CHALLENGE}"),
            ] {
                answers(&at_host(&world, host, &path).await, None, &format!("{path} at {host}"));
            }
        }
    }
    for host in ["127.0.0.1", "localhost", "LOCALHOST.", "[::1]:80"] {
        for (tenant, token) in
            [(SHOP, Some(COFFEE)), (OTHER_SHOP, Some(KILN)), ("abroad", None), ("nobody", None)]
        {
            let path = format!("/t/{tenant}{CHALLENGE}");
            answers(&at_host(&world, host, &path).await, token, &format!("{path} at {host}"));
        }
    }
    // Other spellings of the gateway's own addresses are not its hosts.
    for host in
        ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "::1"]
    {
        answers(&at_host(&world, host, &format!("/t/{SHOP}{CHALLENGE}")).await, None, host);
    }
    for path in [
        "/t/Harbor-Coffee/.well-known/openai-apps-challenge",
        "/t/harbor-coffee%00/.well-known/openai-apps-challenge",
        "/t/harbor%2dcoffee%2f/.well-known/openai-apps-challenge",
        "/t//.well-known/openai-apps-challenge",
        "/t/kiln-works/../harbor-coffee/.well-known/openai-apps-challenge",
        "/t/kiln-works%2f..%2fharbor-coffee/.well-known/openai-apps-challenge",
    ] {
        answers(&at_host(&world, "127.0.0.1", path).await, None, path);
    }
}

#[tokio::test]
async fn the_tools_of_a_host_are_those_of_its_merchant() {
    let world = TestGateway::of_shops(shops());
    for (host, tenant) in
        [("coffee.localhost", SHOP), ("kiln.localhost", OTHER_SHOP), ("xn--bcher-kva.localhost", IDN_SHOP)]
    {
        let (own, preview) = (world.client_on(host, Speaks::Modern), world.client_of(tenant, Speaks::Modern));
        let found = async |client: &Client| client.works("search_products", serde_json::json!({})).await;
        assert_eq!(
            found(&own).await["products"][0]["id"],
            found(&preview).await["products"][0]["id"],
            "{host}"
        );
    }
}

#[tokio::test]
async fn every_shop_tells_agents_at_its_own_host_how_to_buy() {
    let world = TestGateway::start();
    for (host, name) in [("coffee.localhost", "Harbor Coffee Roasters"), ("kiln.localhost", "Kiln Works")] {
        let client = world.client_on(host, Speaks::Modern);
        let url = client.url.replace("/mcp", "/llms.txt");
        let answer = client.http.get(&url).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &"text/plain; charset=utf-8".parse().unwrap())
        );
        let text = answer.text().await.unwrap();
        assert!(text.starts_with(&format!("# {name}\n")), "{text}");
        assert_eq!(client.http.head(&url).send().await.unwrap().status(), 200);
        assert_eq!(client.http.post(&url).send().await.unwrap().status(), 405);
    }
    let stranger = world.client_on("nobody.localhost", Speaks::Modern);
    let url = stranger.url.replace("/mcp", "/llms.txt");
    assert_eq!(stranger.http.get(&url).send().await.unwrap().status(), 404);
}
