//! What a merchant sells: products, their variants, and a word search over them.
//!
//! Invariant: a [`Catalog`] holds each [`ItemId`] once; every price is well-formed money in the shop's currency.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::ItemId;
use super::money::Money;
use super::search::{self, Index, Searchable};

/// Something a merchant sells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// The product's own id. It can be bought under this id when it has no variants.
    pub id: ItemId,
    /// Name, plain text.
    pub title: String,
    /// Description, plain text; may be empty.
    pub description: String,
    /// `https` addresses of pictures.
    pub images: Vec<String>,
    /// Category, for search; may be empty.
    pub category: String,
    /// Whether it is sent by post; a cart with it then needs an address and a shipping option.
    pub shippable: bool,
    /// The price of one, before tax. A variant without its own price has this one.
    pub price: Money,
    /// Whether it can be bought now.
    pub available: bool,
    /// The variants of the product; empty when there is only one form of it.
    pub variants: Vec<Variant>,
}

/// One variant of a product: a size, a grind, a colour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// The id to buy it under.
    pub id: ItemId,
    /// How it differs from the other variants, such as `250 g, whole bean`.
    pub title: String,
    /// The options that define it, in the order shown: `("Grind", "Whole bean")`.
    pub options: Vec<(String, String)>,
    /// The price of one, before tax.
    pub price: Money,
    /// Whether it can be bought now.
    pub available: bool,
}

/// Something that a cart line can name: a product, or one variant of it.
#[derive(Clone, Copy, Debug)]
pub struct Sellable<'a> {
    pub product: &'a Product,
    /// The variant, where the product has some.
    pub variant: Option<&'a Variant>,
}

impl Sellable<'_> {
    /// The price of one.
    #[must_use]
    pub fn price(&self) -> Money {
        self.variant.map_or(self.product.price, |variant| variant.price)
    }

    /// Whether it can be bought now.
    #[must_use]
    pub fn available(&self) -> bool {
        self.product.available && self.variant.is_none_or(|variant| variant.available)
    }

    /// The product's title, with the variant's in parentheses.
    #[must_use]
    pub fn title(&self) -> String {
        match self.variant {
            Some(variant) => format!("{} ({})", self.product.title, variant.title),
            None => self.product.title.clone(),
        }
    }
}

/// Why an item id cannot be bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSold {
    /// There is no such item.
    Unknown(ItemId),
    /// The product is bought by the id of one of its variants.
    VariantNeeded(VariantNeeded),
}

/// A product that can only be bought by the id of a variant, with its variants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantNeeded {
    pub product: ItemId,
    /// Ids and titles, at most [`Self::MOST`]; variants that can be bought now come first.
    pub variants: Vec<(ItemId, String)>,
    /// How many further variants there are.
    pub more: usize,
}

impl VariantNeeded {
    /// The most variants that are named.
    pub const MOST: usize = 10;

    fn of(product: &Product) -> Self {
        let of = |available| product.variants.iter().filter(move |variant| variant.available == available);
        let variants = of(true).chain(of(false)).take(Self::MOST);
        Self {
            product: product.id.clone(),
            variants: variants.map(|variant| (variant.id.clone(), variant.title.clone())).collect(),
            more: product.variants.len().saturating_sub(Self::MOST),
        }
    }
}

impl fmt::Display for VariantNeeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is sold in variants; send the id of one instead: ", self.product)?;
        for (at, (id, title)) in self.variants.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{id} ({title})")?;
        }
        if self.more > 0 {
            write!(f, ", or one of {} more that search_products lists", self.more)?;
        }
        Ok(())
    }
}

/// Why a list of products is not a valid catalog.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// Two products or variants share an id.
    #[error("the id \"{0}\" is used twice; ids of products and variants must differ within a shop")]
    DuplicateId(ItemId),
}

/// A shop's products, with an index by id and by word.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    products: Vec<Product>,
    /// Item id → product index, variant index.
    items: HashMap<ItemId, (usize, Option<usize>)>,
    /// Product id → product index, with or without variants.
    by_product: HashMap<ItemId, usize>,
    index: Index,
}

/// What to search for. An empty search matches every product, in the catalog's order.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Words. Each matches the beginning of a product's word, or another grammatical form of it.
    pub words: String,
    /// Only this category, compared without case, accents and grammatical endings.
    pub category: Option<String>,
    /// Only what can be bought now.
    pub available_only: bool,
    /// Only products of which the product itself or a variant costs at most this many minor units.
    pub max_price: Option<i64>,
}

/// The result of a search.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    /// The products, best match first. Equal matches keep the catalog's order, so the same search gives the same
    /// result.
    pub products: Vec<&'a Product>,
    /// Whether they match all words of the search.
    pub fit: Fit,
}

/// How well the products found match the words of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// They match all words; also the value of an empty result.
    All,
    /// No product matches all words; these match the most.
    Most {
        /// How many words these match.
        fitting: usize,
        /// How many words there are.
        of: usize,
    },
}

impl Catalog {
    /// Makes a catalog of these products.
    pub fn new(products: Vec<Product>) -> Result<Self, CatalogError> {
        let mut catalog = Self::default();
        for (index, product) in products.iter().enumerate() {
            let ids = std::iter::once((&product.id, None))
                .chain(product.variants.iter().enumerate().map(|(at, variant)| (&variant.id, Some(at))));
            for (id, variant) in ids {
                let taken = catalog.items.contains_key(id) || catalog.by_product.contains_key(id);
                if taken {
                    return Err(CatalogError::DuplicateId(id.clone()));
                }
                if variant.is_none() {
                    catalog.by_product.insert(id.clone(), index);
                }
                if variant.is_some() || product.variants.is_empty() {
                    catalog.items.insert(id.clone(), (index, variant));
                }
            }
        }
        catalog.index = Index::of(products.iter().map(Product::searchable));
        catalog.products = products;
        Ok(catalog)
    }

    /// Every product, in the merchant's order.
    #[must_use]
    pub fn products(&self) -> &[Product] {
        &self.products
    }

    /// What can be bought under this id. A product that has variants is not sellable by its own id.
    #[must_use]
    pub fn item(&self, id: &ItemId) -> Option<Sellable<'_>> {
        let (product, variant) = *self.items.get(id)?;
        let product = self.products.get(product)?;
        Some(Sellable { product, variant: variant.and_then(|at| product.variants.get(at)) })
    }

    /// The product with this id, or the product whose variant has it.
    #[must_use]
    pub fn product(&self, id: &ItemId) -> Option<&Product> {
        let index = self.by_product.get(id).or_else(|| self.items.get(id).map(|(product, _)| product))?;
        self.products.get(*index)
    }

    /// What can be bought under this id, or why nothing can.
    pub fn sold(&self, id: &ItemId) -> Result<Sellable<'_>, NotSold> {
        self.item(id).ok_or_else(|| match self.by_product.get(id).and_then(|at| self.products.get(*at)) {
            Some(product) => NotSold::VariantNeeded(VariantNeeded::of(product)),
            None => NotSold::Unknown(id.clone()),
        })
    }

    /// The products that match all words, or else those that match the most of them.
    #[must_use]
    pub fn search(&self, search: &Search) -> Found<'_> {
        let wanted = search::wanted(&search.words);
        let fits = self.index.fits(&wanted);
        let mut found: Vec<(search::Fitting, &Product)> =
            fits.into_iter().zip(&self.products).filter(|(_, product)| search.lets(product)).collect();
        let most = found.iter().map(|(fit, _)| fit.words).max().unwrap_or_default();
        if most == 0 && !wanted.is_empty() {
            return Found { products: Vec::new(), fit: Fit::All };
        }
        found.retain(|(fit, _)| fit.words == most);
        found.sort_by_key(|(fit, _)| std::cmp::Reverse(fit.weight));
        let fit = if most == wanted.len() { Fit::All } else { Fit::Most { fitting: most, of: wanted.len() } };
        Found { products: found.into_iter().map(|(_, product)| product).collect(), fit }
    }
}

impl Search {
    /// Whether a product passes the filters of a search other than the words.
    fn lets(&self, product: &Product) -> bool {
        let category = self.category.as_deref();
        category.is_none_or(|wanted| search::is_category(&product.category, wanted))
            && (!self.available_only || product.buyable().any(|item| item.available()))
            && self.max_price.is_none_or(|max| product.buyable().any(|item| item.price().minor <= max))
    }
}

impl Product {
    /// The parts of the product that a search compares.
    pub(super) fn searchable(&self) -> Searchable<'_> {
        let of_variants = self.variants.iter().flat_map(|variant| {
            let options = variant.options.iter().map(|(_, value)| value.as_str());
            std::iter::once(variant.title.as_str()).chain(options)
        });
        Searchable {
            id: self.id.as_str(),
            title: &self.title,
            labels: std::iter::once(self.category.as_str()).chain(of_variants).collect(),
            description: &self.description,
        }
    }

    /// Everything that can be bought of this product: itself, or its variants.
    pub fn buyable(&self) -> impl Iterator<Item = Sellable<'_>> {
        let own = self.variants.is_empty().then_some(Sellable { product: self, variant: None });
        let variants = self.variants.iter().map(|variant| Sellable { product: self, variant: Some(variant) });
        own.into_iter().chain(variants)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(id: &str, title: &str, description: &str, variants: &[&str]) -> Product {
        let price = Money::new(1800, "usd".parse().unwrap());
        let variants = variants.iter().map(|id| Variant {
            id: id.parse().unwrap(),
            title: "250 g".to_owned(),
            options: vec![("Grind".to_owned(), "Whole bean".to_owned())],
            price,
            available: true,
        });
        Product {
            id: id.parse().unwrap(),
            title: title.to_owned(),
            description: description.to_owned(),
            images: vec![],
            category: "Café".to_owned(),
            shippable: true,
            price,
            available: true,
            variants: variants.collect(),
        }
    }

    fn catalog() -> Catalog {
        Catalog::new(vec![
            product("mug", "Stoneware mug", "Goes with any coffee", &[]),
            product("huila", "Huila Coffee", "Cocoa, panela", &["huila-250"]),
        ])
        .unwrap()
    }

    fn titles(catalog: &Catalog, words: &str) -> Vec<String> {
        let search = Search { words: words.to_owned(), ..Search::default() };
        catalog.search(&search).products.iter().map(|product| product.title.clone()).collect()
    }

    #[test]
    fn search_ignores_case_and_accents_and_prefers_titles() {
        let catalog = catalog();
        assert_eq!(titles(&catalog, "COFFÉE"), ["Huila Coffee", "Stoneware mug"]);
        assert_eq!(titles(&catalog, "cafe"), ["Stoneware mug", "Huila Coffee"]);
        assert_eq!(titles(&catalog, "whole bean"), ["Huila Coffee"]);
        assert_eq!(titles(&catalog, "tea"), Vec::<String>::new());
        assert_eq!(titles(&catalog, " ,;"), ["Stoneware mug", "Huila Coffee"]);
    }

    #[test]
    fn words_fit_in_every_form_and_those_as_written_come_first() {
        let catalog = Catalog::new(vec![
            product("mug", "Stoneware Mug", "Hand-thrown, in harbour blue", &[]),
            product("huila", "Huila Washed", "Notes of cocoa", &["huila-250"]),
            product("grinder", "Hand Grinder", "Steel burrs for grinding, 36 settings", &[]),
            product("muhle", "Kaffeemühle", "Für ganze Bohnen", &[]),
            product("set", "Set of mugs", "Two of the mug", &[]),
        ])
        .unwrap();
        for (words, found) in [
            ("mug", &["Stoneware Mug", "Set of mugs"][..]),
            ("mugs", &["Set of mugs", "Stoneware Mug"]),
            ("MUGS", &["Set of mugs", "Stoneware Mug"]),
            ("whole beans", &["Huila Washed"]),
            ("grinders", &["Hand Grinder"]),
            ("hand grinders", &["Hand Grinder"]),
            ("bohne", &["Kaffeemühle"]),
            ("KAFFEEMÜHLEN", &["Kaffeemühle"]),
            ("kaffeemuhlen", &["Kaffeemühle"]),
            ("cafés", &["Stoneware Mug", "Huila Washed", "Hand Grinder", "Kaffeemühle", "Set of mugs"]),
            ("teapots", &[]),
        ] {
            assert_eq!(titles(&catalog, words), found, "{words}");
        }
    }

    #[test]
    fn when_no_product_fits_all_words_those_that_fit_most_are_found() {
        let catalog = catalog();
        for (words, ids, fit) in [
            ("stoneware mugs", &["mug"][..], Fit::All),
            ("blue stoneware mug", &["mug"], Fit::Most { fitting: 2, of: 3 }),
            ("organic coffee beans", &["huila"], Fit::Most { fitting: 2, of: 3 }),
            ("coffee coffee zebra", &["huila", "mug"], Fit::Most { fitting: 1, of: 2 }),
            ("zebra", &[], Fit::All),
            ("zebra giraffe", &[], Fit::All),
            ("", &["mug", "huila"], Fit::All),
        ] {
            let search = Search { words: words.to_owned(), ..Search::default() };
            let found = catalog.search(&search);
            let found_ids: Vec<&str> = found.products.iter().map(|product| product.id.as_str()).collect();
            assert_eq!((found_ids.as_slice(), found.fit), (ids, fit), "{words}");
        }
        let elsewhere = Search { words: "mug".to_owned(), max_price: Some(1), ..Search::default() };
        assert!(catalog.search(&elsewhere).products.is_empty(), "what the filters leave out fits nothing");
        for category in ["cafe", "CAFÉS", "Café"] {
            let search = Search { category: Some(category.to_owned()), ..Search::default() };
            assert_eq!(catalog.search(&search).products.len(), 2, "{category}");
        }
    }

    #[test]
    fn a_products_own_id_names_the_variants_to_choose_from() {
        let ids: Vec<String> = (0..12).map(|at| format!("huila-{at}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut many = product("huila", "Huila", "", &ids);
        many.variants[0].available = false;
        let catalog = Catalog::new(vec![many, product("mug", "Mug", "", &[])]).unwrap();
        let Err(NotSold::VariantNeeded(needed)) = catalog.sold(&"huila".parse().unwrap()) else {
            panic!("it has variants");
        };
        assert_eq!((needed.variants.len(), needed.more), (VariantNeeded::MOST, 2));
        let said = needed.to_string();
        assert!(said.starts_with(
            "\"huila\" is sold in variants; send the id of one instead: huila-1 (250 g), huila-2"
        ));
        assert!(said.ends_with(", or one of 2 more that search_products lists"), "{said}");
        assert!(catalog.sold(&"mug".parse().unwrap()).is_ok());
        assert!(matches!(catalog.sold(&"pot".parse().unwrap()), Err(NotSold::Unknown(_))));
    }

    #[test]
    fn a_product_with_variants_is_bought_by_a_variants_id_only() {
        let catalog = catalog();
        assert!(catalog.item(&"huila".parse().unwrap()).is_none());
        assert!(catalog.item(&"huila-250".parse().unwrap()).is_some());
        assert_eq!(catalog.product(&"huila-250".parse().unwrap()).unwrap().id.as_str(), "huila");
        assert!(catalog.item(&"mug".parse().unwrap()).is_some());
    }

    #[test]
    fn an_id_used_twice_is_refused() {
        let twice = Catalog::new(vec![product("a", "A", "", &["b"]), product("b", "B", "", &[])]);
        assert!(matches!(twice, Err(CatalogError::DuplicateId(id)) if id.as_str() == "b"));
    }
}
