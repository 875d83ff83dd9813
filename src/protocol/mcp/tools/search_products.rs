//! `search_products`: words and filters over the catalog, page by page.
//!
//! Invariant: a cursor belongs to one search; with another it is rejected, so that no page is skipped unnoticed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::arguments::{ArgumentError, Object};
use super::descriptor::{Callers, Descriptor, Hints};
use super::result::ToolResult;
use super::{ToolName, schema};
use crate::domain::catalog::{Fit, Search};
use crate::domain::merchant::MerchantView;
use crate::protocol::apps::product_card::ProductCard;

/// The longest query or category.
const LONGEST: usize = 200;
/// Products on a page by default.
const USUAL: usize = 20;
/// The most products on a page.
const MOST: usize = 50;

/// The search and its page.
#[derive(Clone, Debug)]
pub struct SearchProducts {
    /// Words and filters.
    pub search: Search,
    /// Products per page.
    pub limit: usize,
    /// How many results come before the page.
    pub offset: usize,
}

#[derive(Serialize)]
struct Content {
    products: Vec<ProductCard>,
    total: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

pub(super) fn descriptor() -> Value {
    Descriptor {
        name: ToolName::SearchProducts,
        title: "Search products",
        description: "Finds products of this shop by words, category, price and availability; without arguments it \
                      lists all. Answers variants, prices before tax, and what is in stock. Use it before naming any \
                      product or price.",
        input: json!({
            "type": "object",
            "properties": {
                "query": {
                    "type": "string",
                    "maxLength": LONGEST,
                    "description": "Words for what is wanted, in any form: case, accents and plurals do not count. Leave out \
                                    to list everything.",
                },
                "category": { "type": "string", "maxLength": LONGEST, "description": "Only this category." },
                "available_only": { "type": "boolean", "description": "Only what can be bought now." },
                "max_price": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "At most this price, in minor units of the shop's currency: 2500 is 25.00 USD.",
                },
                "limit": { "type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL },
                "cursor": { "type": "string", "description": "next_cursor of the page before, with the same search." },
            },
            "additionalProperties": false,
        }),
        output: json!({
            "type": "object",
            "properties": {
                "products": { "type": "array", "items": schema::product() },
                "total": { "type": "integer", "minimum": 0, "description": "How many were found in all." },
                "note": { "type": "string", "description": "There when no product fits all words, and says so." },
                "next_cursor": { "type": "string", "description": "Absent on the last page." },
            },
            "required": ["products", "total"],
        }),
        hints: Hints::READ,
        callers: Callers::ModelAndWidget,
        shows: None,
        status: ["Searching products", "Products found"],
    }
    .to_json()
}

impl SearchProducts {
    pub(super) fn parse(root: &Object<'_>) -> Result<Self, ArgumentError> {
        root.only(&["query", "category", "available_only", "max_price", "limit", "cursor"])?;
        let search = Search {
            words: blank(root, "query")?.unwrap_or_default(),
            category: blank(root, "category")?,
            available_only: root.boolean("available_only")?.unwrap_or_default(),
            max_price: root.integer("max_price", 0, i64::MAX)?,
        };
        let limit =
            root.integer("limit", 1, 50)?.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(USUAL);
        let offset = match root.get("cursor") {
            None => 0,
            Some(cursor) => {
                cursor.as_str().and_then(|cursor| read_cursor(cursor, &search)).ok_or_else(|| {
                    let send =
                        "next_cursor of the page before, with the same search, or no cursor to begin again";
                    ArgumentError::new("cursor", "does not belong to this search", send)
                })?
            }
        };
        Ok(Self { search, limit, offset })
    }

    pub(super) fn answer(&self, view: &MerchantView) -> ToolResult {
        let found = view.catalog.search(&self.search);
        let note = note(found.fit, found.products.len());
        let found = found.products;
        let page: Vec<ProductCard> = found
            .iter()
            .skip(self.offset)
            .take(self.limit)
            .map(|product| ProductCard::brief(product))
            .collect();
        let after = self.offset.saturating_add(page.len());
        let more = after < found.len() && !page.is_empty();
        let shown = match (found.len(), page.len()) {
            (0, _) => none(view, &self.search),
            (total, shown) if total == shown => format!("{total} found."),
            (total, shown) => format!("{shown} of {total} shown."),
        };
        let sentence = note.iter().chain([&shown]).map(String::as_str).collect::<Vec<_>>().join(" ");
        let content = Content {
            products: page,
            total: found.len(),
            note,
            next_cursor: more.then(|| write_cursor(after, &self.search)),
        };
        ToolResult::data(sentence, &content)
            .unwrap_or_else(|| ToolResult::error("The products cannot be shown.".to_owned()))
    }
}

/// The text for an empty result: the words match nothing, or the filters exclude everything that they match.
fn none(view: &MerchantView, search: &Search) -> String {
    let fit =
        view.catalog.search(&Search { words: search.words.clone(), ..Search::default() }).products.len();
    let filters = [
        ("category", search.category.is_some()),
        ("available_only", search.available_only),
        ("max_price", search.max_price.is_some()),
    ];
    let asked: Vec<&str> = filters.iter().filter(|(_, is_asked)| *is_asked).map(|(name, _)| *name).collect();
    if fit == 0 || asked.is_empty() {
        return "No product fits. Call search_products with other words, or without query to list everything."
            .to_owned();
    }
    let (products, them) = if fit == 1 { ("1 product fits", "it") } else { ("products fit", "them") };
    let count = if fit == 1 { String::new() } else { format!("{fit} ") };
    format!(
        "{count}{products} the words, but none with this {asked}. Call search_products without {asked} to see {them}.",
        asked = asked.join(" and ")
    )
}

/// The note if the products match only some of the words.
fn note(fit: Fit, found: usize) -> Option<String> {
    match fit {
        Fit::All => None,
        Fit::Most { fitting, of } => {
            let these = if found == 1 { "this one fits" } else { "these fit" };
            Some(format!("No product fits all {of} words; {these} {fitting} of them."))
        }
    }
}

/// A text for which blank means absent: a search form's empty field.
fn blank(root: &Object<'_>, key: &str) -> Result<Option<String>, ArgumentError> {
    match root.get(key) {
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(_) | None => Ok(root.text(key, LONGEST)?.map(str::to_owned)),
    }
}

/// An opaque cursor: the offset, and a hash of the search that it belongs to.
fn write_cursor(offset: usize, search: &Search) -> String {
    URL_SAFE_NO_PAD.encode(format!("1.{offset}.{}", mark(search)))
}

fn read_cursor(cursor: &str, search: &Search) -> Option<usize> {
    if cursor.len() > 100 {
        return None;
    }
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (offset, marked) = text.strip_prefix("1.")?.split_once('.')?;
    let digits = !offset.is_empty() && offset.bytes().all(|byte| byte.is_ascii_digit());
    if digits && marked == mark(search) { offset.parse().ok() } else { None }
}

/// Eight hexadecimal digits of the search's hash.
fn mark(search: &Search) -> String {
    let Search { words, category, available_only, max_price } = search;
    let text = format!("{words:?} {category:?} {available_only} {max_price:?}");
    hex::encode(Sha256::digest(text.as_bytes()).get(..4).unwrap_or_default())
}
