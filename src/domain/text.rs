//! Text that people will read and others have written.

/// Control, bidirectional, zero-width and filler characters, and those that only tag others (Unicode 16, `Cc`, most
/// of `Cf`, line separators, Hangul fillers, variation selectors except the two that select emoji or text).
#[must_use]
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0d}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The first `most` shown characters of a text, trimmed; `None` if nothing of it is shown.
pub(super) fn shown(text: &str, most: usize) -> Option<String> {
    let letters: String = text.chars().filter(|letter| !is_hidden(*letter)).take(most).collect();
    let trimmed = letters.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_hide_text_are_told_from_those_that_are_text() {
        for hidden in
            ['\u{0}', '\n', '\u{1b}', '\u{200b}', '\u{200d}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{e0041}']
        {
            assert!(is_hidden(hidden), "{:x}", u32::from(hidden));
        }
        for shown in ['a', 'é', ' ', '\u{a0}', '咖', '☕', '\u{fe0f}', '–', '\u{301}'] {
            assert!(!is_hidden(shown), "{:x}", u32::from(shown));
        }
    }
}
