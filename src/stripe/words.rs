//! Error texts, for people and for the log.

use std::error::Error;

/// An error with all its causes, without repeats: many messages already contain the text of their cause. System error
/// numbers and the names of HTTP client layers are left out, since they add nothing to the words.
#[must_use]
pub fn in_words(error: &(dyn Error + 'static)) -> String {
    let mut said = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let cause = without_number(&error.to_string());
        if !said.contains(&cause) && !cause.starts_with("client error (") {
            said.push_str(if said.is_empty() { "" } else { ": " });
            said.push_str(&cause);
        }
        next = error.source();
    }
    said
}

/// A text without a part such as `(os error 2)`.
fn without_number(text: &str) -> String {
    const NUMBER: &str = " (os error ";
    let mut parts = text.split(NUMBER);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(')') {
            Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => kept.push_str(rest),
            Some(_) | None => {
                kept.push_str(NUMBER);
                kept.push_str(part);
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the store cannot be opened")]
    struct Outer(#[source] Failed);

    #[derive(Debug, thiserror::Error)]
    #[error("{file}: {source}; look at its folder")]
    struct Failed {
        file: &'static str,
        source: std::io::Error,
    }

    #[test]
    fn a_cause_is_said_once_and_without_its_number() {
        let failed = Failed { file: "a.sqlite3", source: std::io::Error::from_raw_os_error(2) };
        assert_eq!(
            in_words(&Outer(failed)),
            "the store cannot be opened: a.sqlite3: No such file or directory; look at its folder"
        );
        assert_eq!(without_number("a (os error x) b (os error 13)"), "a (os error x) b");
    }
}
