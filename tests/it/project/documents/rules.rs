//! `docs/MCP.md` has every rule, and every rule that is obeyed is shown by tests that exist.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::{document, repository};

/// How many rules there are.
const RULES: usize = 51;

/// One row of the tables.
struct Rule<'a> {
    number: &'a str,
    level: &'a str,
    era: &'a str,
    standing: &'a str,
    tests: Vec<&'a str>,
}

/// The rows whose first cell is a number.
fn rules(document: &str) -> Vec<Rule<'_>> {
    let mut rules = Vec::new();
    for line in document.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if !cells[1].bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let ["", number, _, level, era, standing, tests, ""] = cells[..] else {
            panic!("{line} has not six cells");
        };
        let tests = tests.split('`').skip(1).step_by(2).collect();
        rules.push(Rule { number, level, era, standing, tests });
    }
    rules
}

/// What is wrong with the rules, where `exists` tells which tests there are.
fn wrong_rules(rules: &[Rule<'_>], exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let numbers: Vec<&str> = rules.iter().map(|rule| rule.number).collect();
    let expected: Vec<String> = (1..=RULES).map(|number| number.to_string()).collect();
    if numbers != expected {
        wrong.push(format!("the rules are not 1 to {RULES}, each once and in order: {}", numbers.join(" ")));
    }
    for Rule { number, level, era, standing, tests } in rules {
        if !["M", "S", "O"].contains(level) || !["25", "26", "both"].contains(era) {
            wrong.push(format!("{number} has no level or no era"));
        }
        let reason = standing.strip_prefix("not applicable: ");
        if !standing.starts_with("obeyed") && reason.is_none_or(|reason| reason.len() < 20) {
            wrong.push(format!("{number} is neither obeyed nor not applicable for a reason"));
        }
        if reason.is_none() && tests.is_empty() {
            wrong.push(format!("{number} is shown by no test"));
        }
        let missing = tests.iter().filter(|test| !exists(test));
        wrong.extend(missing.map(|test| format!("{number}: there is no test {test}")));
    }
    wrong
}

/// The tests of this binary, as it lists them itself.
pub(super) fn tests_of_this_binary() -> BTreeSet<String> {
    let listed =
        Command::new(std::env::current_exe().unwrap()).args(["--list", "--format", "terse"]).output();
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    listed.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

/// Whether another binary has a test at this path: the library's unit tests, such as `protocol::mcp::headers::tests::name`,
/// or the rules of a checkout, such as `checkout::paying::name`.
pub(super) fn is_test_elsewhere(path: &str) -> bool {
    let (root, parted) = match path.split_once("::tests::") {
        Some(parted) => ("src", Some(parted)),
        None => ("tests/domain", path.rsplit_once("::")),
    };
    let Some((module, name)) = parted else { return false };
    let file = repository().join(root).join(module.replace("::", "/")).with_extension("rs");
    let code = fs::read_to_string(file).unwrap_or_default();
    code.contains(&format!("fn {name}("))
}

#[test]
fn every_protocol_rule_is_documented_and_shown_by_tests() {
    let text = document("docs/MCP.md");
    let rules = rules(&text);
    let tests = tests_of_this_binary();
    let wrong = wrong_rules(&rules, |test| match test.strip_prefix("lib::") {
        Some(path) => is_test_elsewhere(path),
        None => tests.contains(test) || is_test_elsewhere(test),
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_rules_notices_every_kind_of_wrong_rule() {
    let row = |number: usize| format!("| {number} | x | M | both | obeyed | `a::known` |\n");
    let text: String = "| # | rule |\n| --- | --- |\n".to_owned()
        + "| 1 | x | M | both | obeyed | |\n"
        + "| 2 | x | MUST | both | obeyed; well | `a::known`, `a::unknown` |\n"
        + "| 3 | x | S | 26 | not applicable: no | |\n"
        + "| 4 | x | O | 24 | not applicable: nobody ever asked for it | |\n"
        + "| 5 | x | S | 25 | somewhat | `a::known` |\n"
        + &(6..RULES).map(row).collect::<String>()
        + &row(7);
    let wrong = wrong_rules(&rules(&text), |test| test == "a::known");
    assert!(
        wrong[0].starts_with("the rules are not 1 to 51") && wrong[0].ends_with("49 50 7"),
        "{}",
        wrong[0]
    );
    assert_eq!(
        wrong[1..],
        [
            "1 is shown by no test",
            "2 has no level or no era",
            "2: there is no test a::unknown",
            "3 is neither obeyed nor not applicable for a reason",
            "4 has no level or no era",
            "5 is neither obeyed nor not applicable for a reason",
        ]
    );
    assert!(is_test_elsewhere("checkout::paying::a_declined_card_leaves_the_session_payable"));
    assert!(!is_test_elsewhere("checkout::paying::a_declined_card"));
    assert!(is_test_elsewhere("protocol::mcp::era::tests::a_later_date_is_modern_and_anything_else_is_not"));
    assert!(
        !is_test_elsewhere("protocol::mcp::era::tests::a_later_date")
            && !is_test_elsewhere("protocol::none::tests::x")
    );
}
