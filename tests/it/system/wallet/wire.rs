//! The wire of one payment, as the documentation shows it: what a public client sends, and what it is answered.

use std::fs;
use std::path::Path;

use merchant_gateway::ports::{Environment as _, SystemEnvironment};
use serde_json::Value;

use super::clients::mppx;
use crate::support::client::Speaks;
use crate::support::relay::Recorder;
use crate::support::test_gateway::TestGateway;
use crate::support::wallet::{of_base64, payable};

const BEGIN: &str = "<!-- wire: begin -->";
const END: &str = "<!-- wire: end -->";

/// The headers that mean something here; clients and servers send more.
const HEADERS: [&str; 7] = [
    "accept-payment",
    "authorization",
    "cache-control",
    "content-type",
    "payment-receipt",
    "retry-after",
    "www-authenticate",
];

/// What differs from run to run, by the words before and after it.
const RANDOM: [(&str, &str); 8] = [
    ("/wallet/", " "),
    ("\"chk_", "\""),
    ("\"ord_", "\""),
    (" id=\"", "\""),
    ("expires=\"", "\""),
    ("challengeId\":\"", "\""),
    ("\"spt_", "\""),
    ("\"pi_", "\""),
];

/// A line without what differs from run to run.
fn same_every_time(line: &str) -> String {
    RANDOM.iter().fold(line.to_owned(), |line, (before, after)| {
        let Some((head, rest)) = line.split_once(before) else { return line };
        let Some((_, tail)) = rest.split_once(after) else { return line };
        format!("{head}{before}…{after}{tail}")
    })
}

/// The value of a parameter of a challenge.
fn parameter<'a>(header: &'a str, name: &str) -> &'a str {
    header.split_once(&format!("{name}=\"")).unwrap().1.split('"').next().unwrap()
}

/// The most of a body that is shown, in characters.
const SHOWN: usize = 180;

/// What was kept, for people: long values are shortened, and what they hold is told below.
fn told(kept: &str) -> String {
    let (mut messages, mut inside) = (Vec::new(), String::new());
    // A body ends where the next request begins.
    for line in kept.replace("}POST ", "}\nPOST ").lines().map(str::trim_end) {
        if let Some(path) = line.strip_prefix("POST ") {
            let (_, path) = path.split_once("/checkout/").unwrap();
            let (_, path) = path.split_once('/').unwrap();
            messages.push(vec![same_every_time(&format!("POST /checkout/chk_…/{path}"))]);
        } else if line.starts_with("HTTP/1.1 ") {
            messages.push(vec![line.to_owned()]);
        } else if let Some((name, value)) = line.split_once(": ").filter(|_| !line.starts_with('{')) {
            let name = name.to_lowercase();
            if HEADERS.contains(&name.as_str()) {
                let shown = encoded(value, &mut inside).iter().fold(same_every_time(value), |shown, text| {
                    shown.replace(text, &format!("{}…", &text[..12]))
                });
                messages.last_mut().unwrap().push(format!("{name}: {shown}"));
            }
        } else if line.starts_with('{') {
            let whole = same_every_time(line);
            let shown: String = whole.chars().take(SHOWN).collect();
            messages.last_mut().unwrap().push(if shown == whole { shown } else { shown + "…" });
        }
    }
    for message in &mut messages {
        // Headers come in any order.
        let last = message.len() - usize::from(message.last().unwrap().starts_with('{'));
        message[1..last].sort_unstable();
    }
    let messages: Vec<String> = messages.iter().map(|message| message.join("\n")).collect();
    format!("{}\n\n{inside}", messages.join("\n\n"))
}

/// The encoded parts of a header's value; what they hold is added to `inside`, once.
fn encoded(value: &str, inside: &mut String) -> Vec<String> {
    let parts: Vec<(&str, &str)> = match value.split_once(' ') {
        Some(("Payment", credential)) if !credential.contains('=') => vec![("credential", credential)],
        Some(("Payment", _)) => ["request", "opaque"].map(|name| (name, parameter(value, name))).to_vec(),
        _ if value.starts_with("eyJ") => vec![("receipt", value)],
        _ => Vec::new(),
    };
    for (name, text) in &parts {
        let mut held: Value = of_base64(text);
        if let Some(challenge) = held.get_mut("challenge") {
            *challenge = "the challenge's parameters, as they were sent".into();
        }
        for random in ["quote", "timestamp"] {
            if held.get(random).is_some() {
                held[random] = "…".into();
            }
        }
        let line = format!("{name:11}{}\n", same_every_time(&held.to_string()));
        if !inside.contains(&line) {
            inside.push_str(&line);
        }
    }
    parts.iter().map(|(_, text)| (*text).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wire_of_the_documentation_is_what_passes() {
    let world = TestGateway::start();
    let (_, offered) = payable(&world.client(Speaks::Modern)).await;
    let url = offered["url"].as_str().unwrap();
    let recorder = Recorder::to(&world.url(""));
    let url = url.replace("https://links.example", &recorder.base_url());
    let words = [&url, "-X", "POST", "-M", "paymentMethod=pm_card_visa", "-i"];
    if mppx(&world, &words).is_none() {
        return;
    }
    let block = format!("{BEGIN}\n```text\n{}```\n{END}", told(&recorder.kept()));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/WALLET.md");
    let document = fs::read_to_string(&path).unwrap();
    let start = document.find(BEGIN).expect("a place for the wire");
    let end = document.find(END).expect("its end") + END.len();
    if SystemEnvironment.var("UPDATE_DOCUMENTS").is_some() {
        fs::write(&path, format!("{}{block}{}", &document[..start], &document[end..])).unwrap();
    } else {
        assert_eq!(&document[start..end], block, "run make wallet-wire");
    }
}
