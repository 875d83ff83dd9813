//! The form of words in a search: without case, accents and grammatical endings.
//!
//! Invariant: a word, its plural and its other forms have one stem. A stem is only for comparing and never shown.
//! Some words with different meanings share a stem; that may add a wrong result, and never loses a right one.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Endings of English and German nouns, adjectives and verbs, their replacements, and how many letters must remain.
/// The first ending that fits is replaced, and so on until none fits.
const ENDINGS: [(&str, &str, usize); 13] = [
    ("ies", "i", 3),
    ("eln", "el", 3),
    ("ern", "er", 3),
    ("ing", "", 4),
    ("en", "", 4),
    ("em", "", 4),
    ("er", "", 4),
    ("ed", "", 4),
    ("es", "", 3),
    ("e", "", 3),
    ("y", "i", 3),
    ("v", "f", 3),
    ("s", "", 3),
];

/// Words without any meaning for a search.
const FILLERS: [&str; 40] = [
    "a", "an", "and", "any", "are", "do", "for", "have", "i", "in", "is", "it", "me", "my", "of", "on", "or",
    "some", "the", "to", "with", "you", "your", "das", "dem", "den", "der", "die", "ein", "eine", "einen",
    "fur", "ich", "im", "mein", "meine", "mit", "oder", "und", "von",
];

/// The longest word that has a stem; longer ones are codes, and are compared as they are.
const LONGEST: usize = 40;

/// Text without case, accents and compatibility forms, for comparing.
pub(super) fn fold(text: &str) -> String {
    let plain = text.nfkd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_lowercase);
    let mut folded = String::with_capacity(text.len());
    for letter in plain {
        match letter {
            // Unicode treats these as separate letters, and most people type them without the strokes.
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' => folded.push('d'),
            'ı' => folded.push('i'),
            other => folded.push(other),
        }
    }
    folded
}

/// The folded words of a text. An apostrophe within a word does not split it.
pub(super) fn words(text: &str) -> Vec<String> {
    fold(text)
        .replace(['\'', '\u{2019}'], "")
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether a folded word has no meaning for a search.
pub(super) fn is_filler(word: &str) -> bool {
    FILLERS.contains(&word)
}

/// The common part of all forms of a folded word.
pub(super) fn stem(word: &str) -> String {
    let mut stem = word.to_owned();
    if word.len() > LONGEST || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return stem;
    }
    while let Some(shorter) =
        ENDINGS.iter().find_map(|ending| without(&stem, ending)).or_else(|| single(&stem))
    {
        stem = shorter;
    }
    stem
}

/// An ending may double the letter before it: Glas and glasses, Kanne and Kannen.
fn single(word: &str) -> Option<String> {
    let rest = word.get(..word.len().checked_sub(1)?)?;
    let last = word.bytes().next_back().filter(|last| !b"aeiou".contains(last));
    (rest.len() >= 3 && last.is_some() && rest.bytes().next_back() == last).then(|| rest.to_owned())
}

fn without(word: &str, (ending, instead, stays): &(&str, &str, usize)) -> Option<String> {
    let rest = word.strip_suffix(ending)?;
    // The last letter of "dress" is not an ending.
    let doubled = *ending == "s" && rest.ends_with('s');
    (rest.len() >= *stays && !doubled).then(|| format!("{rest}{instead}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_a_word_have_one_stem() {
        for forms in [
            &["mug", "mugs"][..],
            &["bean", "beans"],
            &["grinder", "grinders", "grind", "grinding"],
            &["print", "prints", "printed", "printing"],
            &["glass", "glasses", "glas", "glaser"],
            &["dress", "dresses"],
            &["box", "boxes"],
            &["brush", "brushes"],
            &["candy", "candies"],
            &["cookie", "cookies"],
            &["scarf", "scarves"],
            &["knife", "knives"],
            &["kettle", "kettles"],
            &["house", "houses"],
            &["coffee", "coffees"],
            &["tea", "teas"],
            &["tasse", "tassen"],
            &["kanne", "kannen"],
            &["bohne", "bohnen"],
            &["muhle", "muhlen"],
            &["gabel", "gabeln"],
            &["becher", "bechern"],
            &["bild", "bilder", "bildern"],
            &["buch", "bucher", "buches"],
            &["hemd", "hemden"],
            &["schal", "schals"],
            &["blau", "blaue", "blauen", "blauer", "blaues", "blauem"],
        ] {
            let first = stem(forms[0]);
            for form in forms {
                assert_eq!(stem(form), first, "{form} and {}", forms[0]);
            }
        }
    }

    #[test]
    fn other_words_have_other_stems() {
        for (one, other) in [
            ("mug", "muggle"),
            ("bean", "beam"),
            ("pan", "pen"),
            ("ring", "rig"),
            ("sea", "see"),
            ("tea", "tee"),
            ("bus", "bun"),
            ("tasse", "tasche"),
        ] {
            assert_ne!(stem(one), stem(other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_word_of_these_languages_stands_for_itself() {
        for word in ["a4", "250", "prints2", "кружки", "茶碗", "be", "s", "gas"] {
            assert_eq!(stem(word), word);
        }
        let long = "s".repeat(LONGEST + 1);
        assert_eq!(stem(&long), long);
    }

    #[test]
    fn case_accents_and_strokes_do_not_count() {
        for (text, folded) in [
            ("COFFÉE", "coffee"),
            ("Mühle", "muhle"),
            ("Mu\u{308}hle", "muhle"),
            ("Straße", "strasse"),
            ("GRÖSSE", "grosse"),
            ("Smørrebrød", "smorrebrod"),
            ("ﬁne", "fine"),
        ] {
            assert_eq!(fold(text), folded);
        }
        assert_eq!(words("Men\u{2019}s pour-over, 250\u{a0}g"), ["mens", "pour", "over", "250", "g"]);
    }
}
