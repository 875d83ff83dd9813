//! The documents say what is there: names in the architecture and the walkthrough, commands of every document, links and
//! pictures, files of the deployment, tests of the protocol's rules.

mod faults;
mod rules;
mod settings;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use merchant_gateway::config::gateway::{GatewayConfig, LogFormat, StoreConfig};
use merchant_gateway::ports::FixedEnvironment;

use crate::support::logged::{Logged, logged};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn document(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap()
}

/// Text between backquotes, and what stands between it and the text before it.
struct Quoted<'a> {
    before: &'a str,
    text: &'a str,
}

/// Every backquoted text, apart from code blocks.
fn quoted(document: &str) -> Vec<Quoted<'_>> {
    let mut found = Vec::new();
    for (at, prose) in document.split("```").enumerate() {
        let mut parts = prose.split('`');
        while at % 2 == 0
            && let (Some(before), Some(text)) = (parts.next(), parts.next())
        {
            found.push(Quoted { before, text });
        }
    }
    found
}

fn is_path(text: &str) -> bool {
    let rooted = ["src/", "tests/", "docs/", "deploy/", "tenants/", "widget/"]
        .iter()
        .any(|root| text.starts_with(root));
    rooted && !text.contains(['{', '*', ' '])
}

/// What is wrong with the paths and names of a document. The architecture's second paragraph states the convention.
fn wrong_names(document: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut file: Option<(&str, String)> = None;
    let mut listed = false;
    for Quoted { before, text } in quoted(document) {
        let between = before.trim();
        if is_path(text) {
            let path = repository().join(text);
            if !path.exists() {
                wrong.push(format!("{text} does not exist"));
            }
            listed = Path::new(text).extension().is_some_and(|extension| extension == "rs");
            if let (true, Ok(code)) = (listed, fs::read_to_string(&path)) {
                file = Some((text, code));
            }
            continue;
        }
        listed = listed && matches!(between, ":" | "," | "and" | ", and");
        let name = text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':'));
        if listed || name && (text.contains("::") || between.ends_with('(')) {
            match &file {
                Some((path, code)) if !defines(code, text) => {
                    wrong.push(format!("{path} does not define {text}"));
                }
                Some(_) => {}
                None => wrong.push(format!("{text} stands behind no file")),
            }
        }
    }
    wrong
}

/// Whether Rust code, formatted as ours is, defines `name` or `Type::name`.
fn defines(code: &str, name: &str) -> bool {
    match name.split_once("::") {
        None => {
            code.lines().any(|line| declares(line, name)) || blocks(code).any(|block| block.has_variant(name))
        }
        Some((of, member)) => blocks(code)
            .filter(|block| block.is_of(of))
            .any(|block| block.has_variant(member) || block.lines.iter().any(|line| declares(line, member))),
    }
}

/// Whether a line declares an item of this name.
fn declares(line: &str, name: &str) -> bool {
    let line = line.trim_start();
    if line.starts_with("//") {
        return false;
    }
    ["fn", "struct", "enum", "trait", "const", "static", "type", "mod"].iter().any(|keyword| {
        line.match_indices(&format!("{keyword} {name}")).any(|(at, found)| {
            let starts = at == 0 || line[..at].ends_with([' ', ')']);
            let ends =
                !line[at + found.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_');
            starts && ends
        })
    })
}

/// An item of a file with its body: `impl`, `enum`, `trait` and the like.
struct Block<'a> {
    head: &'a str,
    lines: Vec<&'a str>,
}

fn blocks(code: &str) -> impl Iterator<Item = Block<'_>> {
    let mut lines = code.lines();
    std::iter::from_fn(move || {
        let head = lines.find(|line| line.ends_with('{') && !line.starts_with([' ', '/', '#']))?;
        Some(Block { head, lines: lines.by_ref().take_while(|line| !matches!(*line, "}" | "};")).collect() })
    })
}

impl Block<'_> {
    fn is_of(&self, name: &str) -> bool {
        let words = || self.head.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
        let item = words().find(|word| ["impl", "enum", "trait", "struct", "fn", "mod"].contains(word));
        matches!(item, Some("impl" | "enum" | "trait")) && words().any(|word| word == name)
    }

    fn has_variant(&self, name: &str) -> bool {
        let is_enum = self.head.split(' ').any(|word| word == "enum");
        is_enum
            && self.lines.iter().any(|line| {
                let rest = line.strip_prefix("    ").and_then(|line| line.strip_prefix(name));
                rest.is_some_and(|rest| rest.starts_with([',', '(', ' ']))
            })
    }
}

/// Asserts that a document names only what is there, and that at least `least` paths of it were understood.
fn names_only_what_is_there(path: &str, least: usize) {
    let text = document(path);
    let wrong = wrong_names(&text);
    assert!(wrong.is_empty(), "{path}:\n{}", wrong.join("\n"));
    let checked = quoted(&text).iter().filter(|quoted| is_path(quoted.text)).count();
    assert!(checked >= least, "{path}: only {checked} paths were understood");
}

#[test]
fn the_architecture_names_only_what_is_there() {
    names_only_what_is_there("docs/ARCHITECTURE.md", 30);
}

#[test]
fn the_walkthrough_names_only_what_is_there() {
    names_only_what_is_there("docs/WALKTHROUGH.md", 250);
}

#[test]
fn the_decisions_and_the_guides_name_only_what_is_there() {
    for guide in ["README.md", "docs/DEMO.md", "docs/MERCHANTS.md", "SECURITY.md"] {
        names_only_what_is_there(guide, 0);
    }
    names_only_what_is_there("CONTRIBUTING.md", 20);
    let mut wrong = Vec::new();
    for entry in fs::read_dir(repository().join("docs/decisions")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.lines().count() <= 60, "{} is longer than a page", path.display());
        wrong.extend(wrong_names(&text));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every document for people: those of the repository's first level, and those of `docs/`.
fn documents() -> Vec<String> {
    let of = |folder: &str| {
        let entries = fs::read_dir(repository().join(folder)).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "md"))
            .map(|name| Path::new(folder).join(name).to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    [of(""), of("docs")].concat()
}

/// The targets of a document's links and pictures that lie in the repository.
fn local_links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://")).collect()
}

/// The address of a heading within its page, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(kept)
        .collect::<String>()
        .replace(' ', "-")
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for path in documents() {
        let text = document(&path);
        for link in local_links(&text) {
            checked += 1;
            let (file, section) = link.split_once('#').unwrap_or((link, ""));
            let beside = Path::new(&path).parent().unwrap();
            let target = if file.is_empty() { PathBuf::from(&path) } else { beside.join(file) };
            if !repository().join(&target).exists() {
                wrong.push(format!("{path}: {link} does not exist"));
            } else if !section.is_empty() {
                let page = document(target.to_str().unwrap());
                let there = page.lines().any(|line| line.starts_with('#') && anchor(line) == section);
                if !there {
                    wrong.push(format!("{path}: {link} is no section"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 30, "only {checked} links were understood");
    assert_eq!(anchor("## Stripe's keys: `a_b`, now"), "stripes-keys-a_b-now");
    assert_eq!(local_links("[a](b.md#c) ![d](e.png) [f](https://g.example)"), ["b.md#c", "e.png"]);
}

#[test]
fn the_readme_is_short_and_its_picture_is_small() {
    assert!(document("README.md").lines().count() <= 120);
    let picture = fs::metadata(repository().join("docs/images/widget.png")).unwrap();
    assert!(picture.len() < 200_000, "{} bytes", picture.len());
}

#[test]
fn every_crate_that_is_used_has_its_line_in_the_decisions() {
    let page = document("docs/decisions/0006-crates.md");
    let manifests = document("Cargo.toml") + &document("src/emulator/Cargo.toml");
    let sections = manifests.split("\n[").filter(|section| section.contains("dependencies]\n"));
    let crates: Vec<&str> = sections
        .flat_map(str::lines)
        .filter(|line| !line.contains("path = "))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.trim_end_matches(".workspace"))
        .collect();
    assert!(crates.contains(&"sqlx") && crates.contains(&"insta"), "{crates:?}");
    let missing: Vec<&&str> = crates.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// What stands in backquotes in the text's headings.
fn named_in_headings(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.starts_with('#')).flat_map(|line| line.split('`').skip(1).step_by(2))
}

#[test]
fn every_message_that_operators_are_told_of_is_logged() {
    let page = document("docs/OPERATIONS.md");
    let messages: Vec<&str> = named_in_headings(&page).collect();
    assert!(messages.len() > 3, "{messages:?}");
    let events = logged();
    let is_logged = |message: &str| events.iter().any(|event| event.name() == message);
    let unknown: Vec<&str> =
        messages.into_iter().chain(lines_explained(&page)).filter(|message| !is_logged(message)).collect();
    assert!(unknown.is_empty(), "logged nowhere: {unknown:?}");
    let told = named_in_headings("# One: `a_b`, `c`\n`not_a_heading`\n## Two `d`");
    assert_eq!(told.collect::<Vec<_>>(), ["a_b", "c", "d"]);
}

/// The log's lines that the tables of a document explain: the first cells below a head that says so.
fn lines_explained(text: &str) -> impl Iterator<Item = &str> {
    let tables = text.split("\n\n").filter(|block| block.starts_with("| line |"));
    let rows = tables.flat_map(|table| table.lines().skip(2)).filter_map(|row| row.split(" | ").next());
    rows.flat_map(|cell| cell.split('`').skip(1).step_by(2))
}

#[test]
fn every_error_event_is_explained_to_operators() {
    let page = document("docs/OPERATIONS.md");
    let named: BTreeSet<&str> = quoted(&page).iter().map(|quoted| quoted.text).collect();
    let events = logged();
    let loud: BTreeSet<&str> =
        events.iter().filter(|event| event.level == "error").map(Logged::name).collect();
    assert!(loud.len() > 30, "{loud:?}");
    let unmatched_payments: Vec<&&str> = loud.difference(&named).collect();
    assert!(unmatched_payments.is_empty(), "explained nowhere: {unmatched_payments:?}");
    let told = lines_explained(
        "a\n\n| line | b |\n| --- | --- |\n| `a`, `b` | `c` |\n\n| d | e |\n| - | - |\n| `f` | g |",
    );
    assert_eq!(told.collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn the_reader_of_documents_notices_every_kind_of_wrong_name() {
    let text = "`Driver::on` (`x`) `src/nowhere.rs`. `src/domain/checkout/driver/mod.rs`: `Driver::on`, `reply`,\n\
                `look_away` and `Driver::look`; then `Driver::pump` (`gone`), not `this`. `Driver::jump`, `session`.\n\
                `src/domain/checkout/driver/exchange.rs`: `Input::AttemptObserved`, `Output::Saw`, `outcome`, `Input`, `wildcard`.\n\
                `src/domain/checkout/model/state.rs`: `State::Frozen` and `State::frozen`, in `src/domain/`.\n";
    assert_eq!(
        wrong_names(text),
        [
            "Driver::on stands behind no file",
            "x stands behind no file",
            "src/nowhere.rs does not exist",
            "src/domain/checkout/driver/mod.rs does not define look_away",
            "src/domain/checkout/driver/mod.rs does not define Driver::look",
            "src/domain/checkout/driver/mod.rs does not define gone",
            "src/domain/checkout/driver/mod.rs does not define Driver::jump",
            "src/domain/checkout/driver/exchange.rs does not define Output::Saw",
            "src/domain/checkout/driver/exchange.rs does not define outcome",
            "src/domain/checkout/driver/exchange.rs does not define wildcard",
            "src/domain/checkout/model/state.rs does not define State::frozen",
        ]
    );
}

/// What a document's shell blocks run, a command each, without comments.
fn commands(document: &str) -> Vec<Vec<&str>> {
    let blocks = document.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut commands = Vec::new();
    for block in blocks {
        let mut continued = false;
        let mut in_quotes = false;
        for line in block.lines() {
            let words: Vec<&str> = line.split(" #").next().unwrap_or_default().split_whitespace().collect();
            if !(continued || in_quotes || words.is_empty()) {
                commands.push(words);
            }
            continued = line.ends_with('\\');
            in_quotes ^= line.matches('\'').count() % 2 == 1;
        }
    }
    commands
}

/// What is wrong with the commands of a document.
fn wrong_commands(document: &str, makefile: &str) -> Vec<String> {
    let targets: BTreeSet<&str> =
        makefile.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect();
    let mut wrong = Vec::new();
    for words in commands(document) {
        let line = words.join(" ");
        let ours = match words.as_slice() {
            ["make", named @ ..] => {
                let unknown = named.iter().filter(|target| !targets.contains(*target));
                wrong.extend(unknown.map(|target| format!("{line}: there is no target {target}")));
                continue;
            }
            ["cargo", "run", rest @ ..] => {
                rest.iter().position(|word| *word == "--").map(|at| &rest[at + 1..])
            }
            [program, rest @ ..] if program.rsplit('/').next() == Some("merchant-gateway") => Some(rest),
            ["cp", from, _] => {
                wrong.extend(
                    (!repository().join(from).exists()).then(|| format!("{line}: {from} does not exist")),
                );
                continue;
            }
            ["cargo", "build" | "test", ..]
            | ["cat" | "curl" | "export" | "mkdir" | "openssl" | "umask", ..] => continue,
            _ => None,
        };
        match ours {
            Some([command, options @ ..]) => {
                wrong.extend(refused(command, options).map(|why| format!("{line}: {why}")));
            }
            Some([]) | None => wrong.push(format!("{line}: it is not known what this runs")),
        }
    }
    wrong
}

/// Why the binary would not understand a command with these options.
fn refused(command: &str, options: &[&str]) -> Option<String> {
    let help = |words: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_merchant-gateway");
        let help = Command::new(binary).args(words).arg("--help").output().unwrap();
        help.status.success().then(|| String::from_utf8_lossy(&help.stdout).into_owned())
    };
    let Some(text) = help(&[command]) else { return Some(format!("there is no command {command}")) };
    // A command of commands has the options of each of them.
    let inner = options.first().filter(|_| text.contains("<COMMAND>"));
    let text = match inner.map(|inner| help(&[command, inner])) {
        Some(None) => return Some(format!("{command} has no command {}", options[0])),
        Some(Some(inner)) => inner,
        None => text,
    };
    let unknown = options.iter().find(|option| option.starts_with("--") && !text.contains(*option))?;
    Some(format!("{} has no option {unknown}", inner.unwrap_or(&command)))
}

#[test]
fn every_command_of_every_document_can_be_run() {
    let makefile = document("Makefile");
    let mut wrong = Vec::new();
    let mut checked = 0;
    for path in documents() {
        let text = document(&path);
        checked += commands(&text).len();
        wrong.extend(wrong_commands(&text, &makefile).into_iter().map(|why| format!("{path}: {why}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 25, "only {checked} commands were understood");
}

#[test]
fn the_reader_of_commands_notices_every_kind_of_wrong_command() {
    let text = "```sh\nmake tea   # hot\nmake demo\ncargo run --locked -- sell\ncargo run -- demo --sell\ncurl x \\\n  \
                make y -d '{\n  make z }'\ncp tenants/none.toml a\nrm x\n./target/merchant-gateway serve\n\
                merchant-gateway tenant sell\nmerchant-gateway tenant list --sell\n```\n";
    assert_eq!(
        wrong_commands(text, "demo: ## x\n"),
        [
            "make tea: there is no target tea",
            "cargo run --locked -- sell: there is no command sell",
            "cargo run -- demo --sell: demo has no option --sell",
            "cp tenants/none.toml a: tenants/none.toml does not exist",
            "rm x: it is not known what this runs",
            "merchant-gateway tenant sell: tenant has no command sell",
            "merchant-gateway tenant list --sell: list has no option --sell",
        ]
    );
}

#[test]
fn the_deployed_configuration_is_one_that_the_gateway_takes() {
    let environment = FixedEnvironment::new([("GATEWAY__PUBLIC__LISTEN", "127.0.0.1:0")]);
    let config =
        GatewayConfig::load(Some(&repository().join("deploy/gateway.toml")), &environment, &[]).unwrap();
    assert_eq!(config.store, StoreConfig::Sqlite("/var/lib/merchant-gateway/gateway.sqlite3".into()));
    assert_eq!(config.log.format, LogFormat::Json);
    assert!(config.public.link_base.is_none(), "links begin with the merchants' own hosts");
}

#[test]
fn the_image_is_built_from_files_that_are_there() {
    let dockerfile = document("deploy/Dockerfile");
    let copied = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|rest| !rest.starts_with("--from"));
    let ignored = document(".dockerignore");
    let ignored: Vec<&str> =
        ignored.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(ignored[0], "*", "what nobody has named stays outside: target, .git, secrets, databases");
    let sent: Vec<&str> = ignored.iter().filter_map(|line| line.strip_prefix('!')).collect();
    let mut sources: Vec<&str> = Vec::new();
    for rest in copied {
        let words: Vec<&str> = rest.split_whitespace().collect();
        sources.extend(&words[..words.len() - 1]);
    }
    assert!(sources.contains(&"src"), "{sources:?}");
    for source in &sources {
        assert!(repository().join(source).exists(), "{source}");
    }
    assert!(sources.len() == sent.len() && sources.iter().all(|source| sent.contains(source)), "{sent:?}");
    for line in ["widget/node_modules", "**/*.sqlite3*", "**/*.key", "**/*.env"] {
        assert!(ignored.contains(&line), "{line}");
    }
    let toolchain = document("rust-toolchain.toml");
    let version = dockerfile
        .lines()
        .find_map(|line| line.strip_prefix("ARG BUILD_IMAGE=rust:")?.split_once('-'))
        .unwrap()
        .0;
    assert!(
        toolchain.contains(&format!("\"{version}.")),
        "the image and rust-toolchain.toml name the same Rust"
    );
}

#[test]
fn the_service_is_given_longer_to_stop_than_open_requests_are() {
    let number = |text: &str, start: &str, end: char| -> u64 {
        let rest = text.split(start).nth(1).unwrap_or_else(|| panic!("{start} is missing"));
        rest.split(end).next().unwrap().parse().unwrap()
    };
    let grace = number(&document("src/cli/gateway.rs"), "const GRACE: Duration = Duration::from_secs(", ')');
    let unit = document("deploy/merchant-gateway.service");
    assert!(number(&unit, "TimeoutStopSec=", '\n') >= grace + 10);
    assert!(unit.contains("KillSignal=SIGTERM"));
    // %d is /run/credentials/merchant-gateway.service, which holds what the unit loads and no folder.
    for (setting, credential) in
        [("SECRETS__MASTER_KEY=file:%d/master.key", "master.key:"), ("SECRETS__DIR=%d/secrets", "secrets:")]
    {
        assert!(unit.contains(&format!("Environment=GATEWAY__{setting}\n")), "{setting}");
        assert!(unit.contains(&format!("LoadCredential={credential}/etc/merchant-gateway/")), "{credential}");
    }
    assert!(number(&unit, "LimitNOFILE=", '\n') >= 65536);
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let words: Vec<&str> = start.split_whitespace().collect();
    assert_eq!(refused(words[1], &words[2..]), None);
}
