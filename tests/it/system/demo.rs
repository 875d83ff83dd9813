//! The demo, as a newcomer runs it: in an empty folder, with nothing set up.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::node;

fn demo(folder: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_merchant-gateway"));
    command.arg("demo").current_dir(folder.path()).env_clear();
    command
}

#[test]
fn demo_buy_repeatedly_prints_a_receipt_for_every_shop() {
    let folder = TempDir::new().unwrap();
    for _ in 0..2 {
        let bought = demo(&folder).args(["--buy", "--log", "info"]).output().unwrap();
        let said = String::from_utf8_lossy(&bought.stdout);
        assert!(bought.status.success(), "{said}\n{}", String::from_utf8_lossy(&bought.stderr));
        for part in ["Fern & Thread", "Harbor Coffee Roasters", "45.67 USD", "Kumo Print Studio", "26400 JPY"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
        // Wallets pay two of the three shops.
        assert_eq!(said.matches("paid in the payment sheet, charged once: pi_").count(), 3, "{said}");
        assert_eq!(said.matches("paid with an agent's wallet, charged once: pi_").count(), 2, "{said}");
        let log = String::from_utf8_lossy(&bought.stderr);
        assert!(log.contains("stripe_event_kept") && !log.contains("stripe_webhook_refused"), "{log}");
        assert!(!log.contains("WARN") && !log.contains("ERROR"), "nothing to worry a newcomer: {log}");
    }
    assert!(folder.path().join("demo-data/buy/gateway.sqlite3").is_file(), "one folder holds it all");
}

#[tokio::test]
async fn demo_serves_every_address_that_it_prints() {
    let folder = TempDir::new().unwrap();
    let mut process = demo(&folder)
        .args(["--port", "0", "--host-port", "0", "--admin-port", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let said: Vec<String> =
        lines.map(Result::unwrap).take_while(|line| !line.contains("demo --buy")).collect();
    let addresses: Vec<&str> = said
        .iter()
        .flat_map(|line| line.split_whitespace())
        .map(|word| word.trim_matches('\''))
        .filter(|word| word.starts_with("http://"))
        .collect();
    assert_eq!(addresses.len(), 12, "{said:?}");
    let token = said.iter().find_map(|line| line.split("Bearer ").nth(1)?.split('\'').next()).unwrap();
    let client = crate::support::client::Client::new(String::new(), crate::support::client::Speaks::Legacy);
    let mut statuses = Vec::new();
    for address in addresses {
        let host = address.strip_prefix("http://").unwrap().split('/').next().unwrap();
        let name = host.split(':').next().unwrap();
        let here = address.replacen(name, "127.0.0.1", 1);
        let mut request = client.http.get(here).header("host", host);
        if address.contains("/admin/") {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        statuses.push(answer.status().as_u16());
    }
    let paid = pays_as_printed(&folder, &said);
    process.kill().unwrap();
    process.wait().unwrap();
    // The host's page comes first; MCP takes POST only; Stripe asks for a key; the ledger is open; a wallet's address is told
    // alone and in a command; the last are the orders.
    assert_eq!(statuses, [200, 405, 405, 405, 405, 405, 405, 401, 200, 402, 402, 200]);
    if let Some(paid) = paid {
        assert!(paid.contains("payment-receipt") && paid.contains("\"status\":\"completed\""), "{paid}");
    }
}

#[test]
fn a_demo_of_a_shop_that_sells_nothing_is_served_all_the_same() {
    let folder = TempDir::new().unwrap();
    let shops = folder.path().join("shops");
    std::fs::create_dir(&shops).unwrap();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/tenants/harbor-coffee.toml");
    let file = std::fs::read_to_string(sample).unwrap();
    let closed = file.replace("status = \"active\"", "status = \"suspended\"");
    assert_ne!(closed, file);
    std::fs::write(shops.join("harbor-coffee.toml"), closed).unwrap();
    let ports = ["--port", "0", "--host-port", "0", "--admin-port", "0", "--tenants", "shops"];
    let mut process = demo(&folder).args(ports).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let said: Vec<String> =
        lines.map(Result::unwrap).take_while(|line| !line.contains("demo --buy")).collect();
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(said.iter().any(|line| line.starts_with("No checkout for an agent's wallet")), "{said:?}");
    assert!(said.iter().any(|line| line.contains("/admin/v1/orders")), "the rest is told: {said:?}");
}

/// Runs the printed command of a public client, with the client that is installed for tests; `None` where there is no Node.
fn pays_as_printed(folder: &TempDir, said: &[String]) -> Option<String> {
    let line = said.iter().find(|line| line.contains(" npx ")).expect("a command");
    let (variables, words) = line.split_once(" npx ").unwrap();
    let (_, words) = words.split_once(" mppx ").unwrap();
    let words: Vec<&str> = words.split_whitespace().collect();
    let mut command = node::command("node_modules/mppx/dist/bin.js", &words)?;
    command.envs(variables.split_whitespace().map(|variable| variable.split_once('=').unwrap()));
    Some(node::said(&command.env("HOME", folder.path()).output().unwrap()))
}

#[test]
fn a_missing_merchants_folder_error_names_the_option() {
    let folder = TempDir::new().unwrap();
    let refused = demo(&folder).args(["--buy", "--tenants", "nodir"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("nodir is no folder; --tenants names one"), "{said}");
}

#[test]
fn a_port_in_use_is_told_with_what_to_do() {
    let folder = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (ports, remedy) in [
        ([&port, "0", "0"], "choose another port with --port"),
        (["0", &port, "0"], "choose another port with --host-port"),
        (["0", "0", &port], "choose another port with --admin-port"),
    ] {
        let ports = ["--port", ports[0], "--host-port", ports[1], "--admin-port", ports[2]];
        let refused = demo(&folder).args(ports).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains(remedy), "{said}");
        assert!(
            said.starts_with("error: cannot listen on") && said.lines().count() == 1,
            "nothing else: {said}"
        );
    }
}
