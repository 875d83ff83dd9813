//! Which products match which words: an index of all words of a catalog.
//!
//! Invariant: the cost of a search grows with the occurrences of its words, not with words times products.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::words::{fold, is_filler, stem, words};

/// The weight of a word in a title, in a label (a category, an option) and in a description. They differ by at least
/// two, so that another form of the word can weigh one less.
const TITLE: u32 = 18;
const LABEL: u32 = 6;
const DESCRIPTION: u32 = 2;

/// An occurrence of a word: the index of the product in the catalog, and the highest weight there.
type Place = (u32, u32);

/// Names in their order, each with a list.
type Lists<T> = Box<[(Box<str>, Box<[T]>)]>;

/// The words of a catalog, kept small: a gateway has one for each merchant.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// Every word once, in order, so that words with the same beginning are adjacent.
    words: Lists<Place>,
    /// The words of each stem, by their indexes, in the order of the stems.
    stems: Lists<u32>,
    products: usize,
}

/// The searched parts of a product.
pub(super) struct Searchable<'a> {
    /// Its id, indexed as one word.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    /// Its category, its variants and their options.
    pub(super) labels: Vec<&'a str>,
    pub(super) description: &'a str,
}

/// How well a product matches the search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fitting {
    /// How many of the searched words it has.
    pub(super) words: usize,
    /// Their total weight.
    pub(super) weight: u32,
}

impl Index {
    pub(super) fn of<'a>(products: impl Iterator<Item = Searchable<'a>>) -> Self {
        let mut known: BTreeMap<String, Vec<Place>> = BTreeMap::new();
        let mut count = 0;
        for (at, product) in products.enumerate() {
            count = at + 1;
            let at = index(at);
            for (word, weight) in weighed(&product) {
                let places = known.entry(word).or_default();
                match places.last_mut() {
                    Some((last, most)) if *last == at => *most = weight.max(*most),
                    Some(_) | None => places.push((at, weight)),
                }
            }
        }
        let mut stems: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (at, word) in known.keys().enumerate() {
            stems.entry(stem(word)).or_default().push(index(at));
        }
        Self { words: boxed(known), stems: boxed(stems), products: count }
    }

    /// How well each product matches these words. A word matches the beginning of a word of the product, or another
    /// form of one.
    pub(super) fn fits(&self, wanted: &[String]) -> Vec<Fitting> {
        let mut fits = vec![Fitting::default(); self.products];
        let mut best: HashMap<u32, u32> = HashMap::new();
        for word in wanted {
            best.clear();
            for (at, weight) in self.places(word) {
                let most = best.entry(at).or_default();
                *most = weight.max(*most);
            }
            for (at, weight) in &best {
                if let Some(fit) = usize::try_from(*at).ok().and_then(|at| fits.get_mut(at)) {
                    fit.words += 1;
                    fit.weight += weight;
                }
            }
        }
        fits
    }

    fn places(&self, word: &str) -> impl Iterator<Item = Place> {
        let first = self.words.partition_point(|(known, _)| &**known < word);
        let from_first = self.words.get(first..).unwrap_or_default().iter();
        let begun = from_first.take_while(move |(known, _)| known.starts_with(word));
        let stem = stem(word);
        let of_stem = self.stems.binary_search_by(|(known, _)| (**known).cmp(&stem)).ok();
        let of_stem = of_stem.and_then(|at| self.stems.get(at)).into_iter().flat_map(|(_, words)| words);
        let other_forms = of_stem.filter_map(|at| self.words.get(usize::try_from(*at).ok()?));
        let as_written = begun.flat_map(|(_, places)| places.iter().copied());
        let otherwise =
            other_forms.flat_map(|(_, places)| places.iter().map(|(at, weight)| (*at, weight - 1)));
        as_written.chain(otherwise)
    }
}

/// A catalog has at most some thousands of products, and some hundred thousand words.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The same entries in the same order, without room for more.
fn boxed<T>(entries: BTreeMap<String, Vec<T>>) -> Lists<T> {
    entries.into_iter().map(|(name, list)| (name.into_boxed_str(), list.into_boxed_slice())).collect()
}

/// The words of a search, each once.
pub(super) fn wanted(text: &str) -> Vec<String> {
    let mut known = HashSet::new();
    let all: Vec<String> = words(text).into_iter().filter(|word| known.insert(word.clone())).collect();
    let telling: Vec<String> = all.iter().filter(|word| !is_filler(word)).cloned().collect();
    // A title may consist of such words only.
    if telling.is_empty() { all } else { telling }
}

/// Whether two texts name the same category, in any grammatical form.
pub(super) fn is_category(known: &str, wanted: &str) -> bool {
    let stems = |text: &str| words(text).iter().map(|word| stem(word)).collect::<Vec<_>>();
    fold(known) == fold(wanted) || (stems(known) == stems(wanted) && !stems(known).is_empty())
}

/// The words of a product, each with its weight.
fn weighed(product: &Searchable<'_>) -> Vec<(String, u32)> {
    let mut weighed = Vec::new();
    let mut add = |text: &str, weight| weighed.extend(words(text).into_iter().map(|word| (word, weight)));
    add(product.title, TITLE);
    add(product.description, DESCRIPTION);
    for label in &product.labels {
        add(label, LABEL);
    }
    // As a whole, in its written form: of the words that a search is split into, only the first can match its
    // beginning.
    weighed.push((fold(product.id), TITLE));
    weighed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_drops_stop_words_unless_it_has_no_others() {
        for (text, telling) in [
            ("coffee or mug", &["coffee", "mug"][..]),
            ("Do you have a mug for my mother?", &["mug", "mother"]),
            ("eine Tasse für mich", &["tasse", "mich"]),
            ("The Who", &["who"]),
            ("a and the", &["a", "and", "the"]),
        ] {
            assert_eq!(wanted(text), telling, "{text}");
        }
    }

    #[test]
    fn a_search_of_many_products_reads_only_entries_of_its_words() {
        let ids: Vec<String> = (0..10_000).map(|at| format!("p{at}")).collect();
        let products = ids.iter().enumerate().map(|(at, id)| Searchable {
            id,
            title: if at % 5_000 == 7 { "Teapot" } else { "Mug" },
            labels: vec![""],
            description: "Stoneware, glazed by hand, for the kitchen",
        });
        let index = Index::of(products);
        let postings_read =
            |text: &str| wanted(text).iter().map(|word| index.places(word).count()).sum::<usize>();
        assert_eq!(postings_read("zebra giraffe"), 0);
        assert_eq!(postings_read("teapots"), 2);
        assert_eq!(postings_read(&"teapots ".repeat(100)), 2, "a word counts once");
        // Once in its written form and once by its stem.
        assert_eq!(postings_read("stoneware mug"), 2 * (10_000 + 9_998));
    }
}
