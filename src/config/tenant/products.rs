//! `[catalog]` and `[[products]]`: the shop's goods.
//!
//! Invariant: ids of products and variants differ within a shop, and the variants of a product differ from each
//! other.

use super::values::{Addresses, Amounts, Unique, id, line, paragraphs};
use crate::config::diagnostic::quoted;
use crate::config::document::{Field, Section};
use crate::domain::catalog::{Product, Variant};
use crate::domain::money::Money;
use crate::domain::text::is_hidden;

const MOST_PRODUCTS: usize = 10_000;
const MOST_VARIANTS: usize = 200;
const MOST_IMAGES: usize = 20;
const MOST_OPTIONS: usize = 8;
const TITLE: usize = 200;
const DESCRIPTION: usize = 5000;
const LABEL: usize = 100;

/// The source of products.
#[derive(Clone, Copy)]
enum CatalogSource {
    Inline,
    Elsewhere,
}

/// Whether a product is the one that `tenant new` writes, to be replaced.
pub(in crate::config) fn is_placeholder(product: &Product) -> bool {
    product.id.as_str() == "first-product" || product.title == "First product"
}

/// Reads every product of the file.
pub(super) fn read(root: &Section<'_>, readers: (Amounts, Addresses)) -> Vec<Product> {
    let inline = read_source(root);
    let sections = root.sections("products");
    if inline && sections.is_empty() && root.field("products").is_none_or(|field| field.is_list()) {
        root.missing("products", "add at least one [[products]] with id, title and price");
    }
    if sections.len() > MOST_PRODUCTS {
        root.too_many("products", sections.len(), MOST_PRODUCTS);
    }
    let mut ids = Unique::default();
    sections.into_iter().filter_map(|section| read_product(section, readers, &mut ids)).collect()
}

fn read_source(root: &Section<'_>) -> bool {
    let section = root.section("catalog");
    let words = [
        ("inline", CatalogSource::Inline),
        ("stripe", CatalogSource::Elsewhere),
        ("file", CatalogSource::Elsewhere),
    ];
    let field = section.field("source");
    let source = field.as_ref().map(|field| field.choice(&words));
    section.finish();
    match (source, field) {
        (Some(Some(CatalogSource::Elsewhere)), Some(field)) => {
            field.refuse(
                "is not supported yet",
                "write \"inline\", and the products as [[products]] in this file",
            );
            false
        }
        (Some(Some(CatalogSource::Inline)) | None, _) => true,
        (Some(_), _) => false,
    }
}

fn read_product(
    section: Section<'_>,
    (amounts, addresses): (Amounts, Addresses),
    ids: &mut Unique,
) -> Option<Product> {
    let product_id = section.required("id", "give the product an id, such as \"huila-washed\"");
    let product_id = product_id.and_then(|field| id(&field, "huila-washed"));
    let product_id = product_id.filter(|product_id| is_new(&section, ids, product_id));
    let title = section.required("title", "write the name that shoppers read");
    let title = title.and_then(|field| line(&field, TITLE));
    let description = section.field("description").and_then(|field| paragraphs(&field, DESCRIPTION));
    let category = section.field("category").and_then(|field| line(&field, LABEL));
    let images = read_images(&section, addresses);
    let available = read_available(&section);
    let shippable = section.field("shippable").and_then(|field| field.switch()).unwrap_or(true);
    unsupported_keys(&section);

    let own_price = section.field("price");
    let names_price = own_price.is_some();
    let own_price = own_price.and_then(|field| sold_for(amounts, &field));
    let variant_sections = section.sections("variants");
    if variant_sections.len() > MOST_VARIANTS {
        section.too_many("variants", variant_sections.len(), MOST_VARIANTS);
    }
    if !names_price && variant_sections.is_empty() {
        section.missing("price", "write minor units, such as 1850 for 18.50 USD");
    }
    let inherited = Inherited { amounts, price: own_price, named: names_price };
    let mut variants: Vec<Variant> = Vec::new();
    for variant in variant_sections.into_iter().take(MOST_VARIANTS) {
        if let Some(variant) = read_variant(variant, inherited, ids, &variants) {
            variants.push(variant);
        }
    }
    section.finish();
    // A product without a price of its own has the price of its cheapest variant.
    let cheapest = || variants.iter().map(|variant| variant.price).min_by_key(|price| price.minor);
    Some(Product {
        id: product_id?,
        title: title?,
        description: description.unwrap_or_default(),
        images,
        category: category.unwrap_or_default(),
        shippable,
        price: own_price.or_else(cheapest)?,
        available,
        variants,
    })
}

/// The price of an item that is sold. An order with a total of zero could not be paid.
fn sold_for(amounts: Amounts, field: &Field<'_>) -> Option<Money> {
    let price = amounts.price(field)?;
    if price.minor == 0 {
        field.refuse(
            "is nothing, and an order that comes to nothing cannot be paid",
            "write a price, or remove the product",
        );
        return None;
    }
    Some(price)
}

/// The values that a variant takes from its product.
#[derive(Clone, Copy)]
struct Inherited {
    amounts: Amounts,
    price: Option<Money>,
    /// Whether the product names a price, even an invalid one.
    named: bool,
}

fn read_variant(
    section: Section<'_>,
    inherited: Inherited,
    ids: &mut Unique,
    siblings: &[Variant],
) -> Option<Variant> {
    let variant_id = section.required("id", "give the variant an id, such as \"huila-250-beans\"");
    let variant_id = variant_id.and_then(|field| id(&field, "huila-250-beans"));
    let variant_id = variant_id.filter(|variant_id| is_new(&section, ids, variant_id));
    let options = read_options(&section);
    let title = section.field("title");
    let titled = title.is_some();
    let title = title.and_then(|field| line(&field, TITLE));
    let from_options = || {
        let values: Vec<&str> = options.iter().map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    };
    let title = title.or_else(from_options);
    if title.is_none() && !titled && section.field("options").is_none() {
        section.missing(
            "title",
            "write a title or options = { Weight = \"250 g\" }, which tell it from the others",
        );
    }
    let price = section.field("price");
    if price.is_none() && !inherited.named {
        section.missing("price", "write one here, or one for the whole product");
    }
    let price = match price {
        Some(field) => sold_for(inherited.amounts, &field),
        None => inherited.price,
    };
    let available = read_available(&section);
    unsupported_keys(&section);
    if let Some(title) = &title
        && siblings.iter().any(|sibling| sibling.title == *title)
    {
        section.refuse(
            format!("reads {} like another variant of the product", quoted(title)),
            "give them titles or options that differ",
        );
    }
    if let Some(first) = siblings.first() {
        let axes = |options: &[(String, String)]| {
            let mut names: Vec<String> = options.iter().map(|(axis, _)| axis.clone()).collect();
            names.sort_unstable();
            names
        };
        if axes(&first.options) != axes(&options) {
            section.refuse(
                "has other options than the product's first variant",
                format!("name the same ones for every variant: {}", axes(&first.options).join(", ")),
            );
        }
    }
    section.finish();
    Some(Variant { id: variant_id?, title: title?, options, price: price?, available })
}

/// `options = { Grind = "Whole bean", Weight = "250 g" }`, in the order written.
fn read_options(section: &Section<'_>) -> Vec<(String, String)> {
    let options = section.section("options");
    let entries = options.entries();
    if entries.len() > MOST_OPTIONS {
        section.too_many("options", entries.len(), MOST_OPTIONS);
    }
    let mut read = Vec::new();
    for (axis, field) in entries {
        let Some(value) = line(&field, LABEL) else { continue };
        if axis.trim().is_empty() || axis.chars().count() > LABEL || axis.chars().any(is_hidden) {
            field
                .refuse("has a name that cannot be shown", "name the option by a short word, such as Weight");
            continue;
        }
        read.push((axis.to_owned(), value));
    }
    read
}

/// `image = "https://…"` or `images = ["https://…", …]`.
fn read_images(section: &Section<'_>, addresses: Addresses) -> Vec<String> {
    let (one, many) = (section.field("image"), section.field("images"));
    if let (Some(_), Some(many)) = (&one, &many) {
        many.refuse("stands beside image", "keep one of the two");
    }
    let fields: Vec<_> = match (one, many) {
        (_, Some(many)) => many.items("write a list of https addresses"),
        (Some(one), None) => vec![one],
        (None, None) => Vec::new(),
    };
    if fields.len() > MOST_IMAGES {
        section.too_many("images", fields.len(), MOST_IMAGES);
    }
    fields.iter().filter_map(|field| addresses.written(field)).collect()
}

fn read_available(section: &Section<'_>) -> bool {
    section.field("available").and_then(|field| field.switch()).unwrap_or(true)
}

fn unsupported_keys(section: &Section<'_>) {
    section.unsupported("stock", "write available = true or available = false");
    section.unsupported("tax_code", "remove it; [tax] holds for all products");
}

fn is_new(section: &Section<'_>, ids: &mut Unique, id: &crate::domain::ids::ItemId) -> bool {
    ids.claim(section, id.as_str(), "all products and variants of the shop")
}
