//! What live mode requires of a file, beside values that are right.
//!
//! Invariants: everything that is missing is reported at once; nothing is required that the network decides, so that a
//! live shop is served at every restart. The mode's key and Network ID are checked where they are read.

use super::products::is_placeholder;
use crate::config::diagnostic::quoted;
use crate::config::document::Section;
use crate::domain::catalog::{Catalog, Product};
use crate::domain::ids::Mode;

/// Reports whatever of a shop in live mode is missing.
pub(super) fn require(root: &Section<'_>, mode: Option<Mode>, catalog: Option<&Catalog>) {
    if mode != Some(Mode::Live) {
        return;
    }
    for (section, key, remedy) in [
        (
            "links",
            "terms_of_use",
            "write the address of the shop's terms, which shoppers must be able to read",
        ),
        ("links", "privacy_policy", "write the address of the shop's privacy policy"),
        (
            "stripe",
            "webhook_secrets",
            "refer to the signing secret of the shop's webhook endpoint at Stripe, by which payments and disputes are told",
        ),
        ("checkout", "countries", "write the countries that the shop sells to, such as [\"US\"]"),
    ] {
        let section = root.section(section);
        let remedy = format!("{remedy}; live mode needs it");
        match section.field(key) {
            None => section.missing(key, &remedy),
            // An empty list of countries is refused in either mode.
            Some(field) if key == "webhook_secrets" && field.is_list() && field.items(&remedy).is_empty() => {
                field.refuse("is an empty list", remedy);
            }
            Some(_) => {}
        }
    }
    let products = catalog.map(Catalog::products).unwrap_or_default();
    if products.iter().any(is_placeholder) {
        root.refuse(
            "still sells the first product of a new file",
            "replace it by the shop's own products, in every word",
        );
    }
    let is_sold = |product: &Product| product.buyable().any(|item| item.available());
    if !products.is_empty() && !products.iter().any(is_sold) {
        let first = products.first().map(|product| quoted(product.id.as_str())).unwrap_or_default();
        root.refuse(
            format!("has no product that is available, such as {first}"),
            "write available = true for what is sold, or status = \"suspended\" until then",
        );
    }
}
