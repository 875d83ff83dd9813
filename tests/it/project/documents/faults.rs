//! `docs/RELIABILITY.md` has every fault, and every one that is dealt with is shown by tests that exist.

use super::document;
use super::rules::{is_test_elsewhere, tests_of_this_binary};

/// How many faults there are.
const FAULTS: usize = 66;

/// What is wrong with the table, where `exists` tells which tests there are.
fn wrong_faults(document: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut numbers = Vec::new();
    for line in document.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if !cells[1].bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let ["", number, _, happens, tests, ""] = cells[..] else {
            wrong.push(format!("{line} has not four cells"));
            continue;
        };
        numbers.push(number.to_owned());
        let tests: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        let open = happens.starts_with("not built yet: ") || happens.starts_with("not shown yet: ");
        if open != tests.is_empty() {
            wrong.push(format!("{number} is shown by no test, or by one although it is not dealt with yet"));
        }
        let missing = tests.iter().filter(|test| !exists(test));
        wrong.extend(missing.map(|test| format!("{number}: there is no test {test}")));
    }
    if numbers != (1..=FAULTS).map(|number| number.to_string()).collect::<Vec<_>>() {
        wrong
            .push(format!("the faults are not 1 to {FAULTS}, each once and in order: {}", numbers.join(" ")));
    }
    wrong
}

#[test]
fn every_fault_stands_in_the_document_and_is_shown_by_tests() {
    let tests = tests_of_this_binary();
    let wrong = wrong_faults(&document("docs/RELIABILITY.md"), |test| {
        tests.contains(test) || is_test_elsewhere(test)
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_faults_notices_what_is_missing() {
    let text = "| # | what | happens | tests |\n| 1 | a | it is so | `a::b` |\n| 2 | b | not built yet: later | `a::b` |\n\
                | 3 | c | it is so | |\n| 5 | d | it is so | `no::such` |\n";
    let wrong = wrong_faults(text, |test| test == "a::b");
    assert_eq!(wrong.len(), 4, "{wrong:?}");
}
