//! Imports go one way: the folder list is the architecture.

mod circles;
mod documented;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each folder may import; a folder that is not listed may not exist.
const ALLOWED: [(&str, &[&str]); 18] = [
    ("domain", &[]),
    ("ports", &["domain"]),
    ("keyring", &["domain", "ports"]),
    ("config", &["domain", "ports", "keyring"]),
    ("store", &["domain", "ports", "config"]),
    ("stripe", &["domain", "ports", "config"]),
    ("protocol", &["domain", "ports", "keyring", "config"]),
    ("telemetry", &["domain", "ports", "config"]),
    ("limiter", &["domain", "ports", "config"]),
    ("delivery", &["domain", "ports", "config", "store", "stripe", "telemetry"]),
    ("runtime", &["domain", "ports", "config", "store", "stripe", "telemetry"]),
    (
        "payments",
        &[
            "domain",
            "ports",
            "keyring",
            "config",
            "store",
            "stripe",
            "protocol",
            "telemetry",
            "limiter",
            "delivery",
            "runtime",
        ],
    ),
    (
        "actors",
        &[
            "domain",
            "ports",
            "keyring",
            "config",
            "store",
            "stripe",
            "protocol",
            "telemetry",
            "limiter",
            "delivery",
            "runtime",
            "payments",
        ],
    ),
    (
        "tenants",
        &[
            "domain",
            "ports",
            "keyring",
            "config",
            "store",
            "stripe",
            "protocol",
            "telemetry",
            "limiter",
            "delivery",
            "runtime",
            "payments",
            "actors",
        ],
    ),
    (
        "http",
        &[
            "domain",
            "ports",
            "keyring",
            "config",
            "store",
            "stripe",
            "protocol",
            "telemetry",
            "limiter",
            "delivery",
            "runtime",
            "payments",
            "actors",
            "tenants",
        ],
    ),
    (
        "doctor",
        &[
            "domain",
            "ports",
            "keyring",
            "config",
            "store",
            "stripe",
            "protocol",
            "telemetry",
            "limiter",
            "delivery",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "ports",
            "keyring",
            "config",
            "store",
            "stripe",
            "protocol",
            "telemetry",
            "limiter",
            "delivery",
            "runtime",
            "payments",
            "actors",
            "tenants",
            "http",
            "doctor",
        ],
    ),
    ("main.rs", &["cli"]),
];

/// Outside crates that only these folders may name.
const CRATES: [(&str, &[&str]); 8] = [
    ("actix", &["actors"]),
    ("actix_web", &["http", "cli"]),
    ("notify", &["tenants"]),
    ("reqwest", &["stripe", "delivery", "doctor", "cli"]),
    ("rustix", &["ports", "runtime"]),
    ("sqlx", &["store"]),
    ("stripe_emulator", &["cli"]),
    (
        "tokio",
        &[
            "store", "limiter", "delivery", "runtime", "payments", "actors", "http", "doctor", "cli",
            "tenants",
        ],
    ),
];

/// A crate of its own within `src/`, whose walls the compiler holds.
const EMULATOR: &str = "emulator";

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The folder below `src/` that a file belongs to: `domain` for `domain/money.rs`, `main.rs` for itself.
fn room(file: &Path) -> String {
    let relative = file.strip_prefix(source()).unwrap();
    relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned()
}

/// The product's own files: those of `src/` that are not the emulator's.
fn product_files() -> Vec<PathBuf> {
    rust_files(&source()).into_iter().filter(|file| room(file) != EMULATOR).collect()
}

/// Every `crate::room` or `merchant_gateway::room` that a file names.
fn rooms_named(text: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    for line in code {
        for start in ["crate::", "merchant_gateway::"] {
            for (at, _) in line.match_indices(start) {
                let rest = &line[at + start.len()..];
                if let Some(group) = rest.strip_prefix('{') {
                    let names = group.split(['}', ';']).next().unwrap_or_default().split(',');
                    rooms.extend(names.map(first_word));
                } else {
                    rooms.insert(first_word(rest));
                }
            }
        }
    }
    rooms.remove("");
    rooms
}

fn first_word(text: &str) -> String {
    let word = text.trim().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_');
    word.collect()
}

#[test]
fn imports_only_point_up_the_folder_list() {
    let mut wrong = Vec::new();
    for file in product_files() {
        let from = room(&file);
        if from == "lib.rs" {
            continue;
        }
        let allowed = ALLOWED.iter().find(|(name, _)| *name == from);
        let Some((_, allowed)) = allowed else {
            wrong.push(format!("{}: the folder is not in the architecture", file.display()));
            continue;
        };
        for to in rooms_named(&fs::read_to_string(&file).unwrap()) {
            let known = ALLOWED.iter().any(|(name, _)| *name == to);
            if known && to != from && !allowed.contains(&to.as_str()) {
                wrong.push(format!("{}: {from} must not import {to}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn outside_crates_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for file in product_files() {
        let from = room(&file);
        let text = fs::read_to_string(&file).unwrap();
        for (name, rooms) in CRATES {
            let named = text.lines().filter(|line| !line.trim_start().starts_with("//")).any(|line| {
                line.match_indices(&format!("{name}::")).any(|(at, _)| {
                    !line[..at]
                        .ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':')
                })
            });
            if named && !rooms.contains(&from.as_str()) {
                wrong.push(format!("{}: only {rooms:?} may use {name}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_module_with_a_folder_stands_in_it_as_mod_rs() {
    let beside: Vec<PathBuf> =
        product_files().into_iter().filter(|file| file.with_extension("").is_dir()).collect();
    assert!(beside.is_empty(), "{beside:?}");
}

#[test]
fn the_emulator_shares_no_code_with_the_gateway() {
    let manifest = fs::read_to_string(source().join(EMULATOR).join("Cargo.toml")).unwrap();
    assert!(!manifest.contains("merchant-gateway") && !manifest.contains("path = \".."), "{manifest}");
    let files = rust_files(&source().join(EMULATOR));
    assert!(files.len() > 40, "{files:?}");
    let mut outside = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        // A file of the gateway's could be compiled in by these, which no dependency would show.
        for shared in ["merchant_gateway", "#[path", "include!("] {
            assert!(!text.contains(shared), "{} has {shared}", file.display());
        }
        outside.extend(
            text.split("(\"../").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned),
        );
    }
    assert_eq!(outside, ["domain/tables/currencies.json"], "what both read is this table alone");
}

#[test]
fn the_reader_of_imports_sees_groups_and_paths() {
    let named =
        rooms_named("use crate::{store, stripe::x};\nlet a = crate::http::public();\n// crate::cli\n");
    assert_eq!(named.into_iter().collect::<Vec<_>>(), ["http", "store", "stripe"]);
}
