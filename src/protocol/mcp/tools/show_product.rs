//! `show-buy-product-widget`: one product in the widget. The name comes from the project's first contract; changes
//! nothing.

use serde::Serialize;
use serde_json::{Value, json};

use super::arguments::{ArgumentError, Object};
use super::descriptor::{Callers, Descriptor, Hints};
use super::result::ToolResult;
use super::session_answer::SHOP;
use super::{ToolName, schema};
use crate::domain::catalog::{Fit, Product, Search};
use crate::domain::ids::ItemId;
use crate::domain::merchant::MerchantView;
use crate::protocol::apps::product_card::{Availability, ProductCard, ShopCard};
use crate::protocol::apps::widget::Widget;

/// The longest id or name.
const LONGEST: usize = 200;

/// The requested product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShowProduct {
    /// An id, or words of its name.
    pub product: String,
}

#[derive(Serialize)]
struct Content {
    product: ProductCard,
}

pub(super) fn descriptor() -> Value {
    Descriptor {
        name: ToolName::ShowBuyProductWidget,
        title: "Show a product to buy",
        description: "Shows one product in a widget where the shopper chooses a variant and a quantity, gives an \
                      address and pays. Use it when the shopper wants to see or buy a certain product. Give its id \
                      from search_products, or its name.",
        input: json!({
            "type": "object",
            "properties": {
                "product": {
                    "type": "string",
                    "maxLength": LONGEST,
                    "description": "Id of the product or of one of its variants, or the product's name.",
                },
            },
            "required": ["product"],
            "additionalProperties": false,
        }),
        output: json!({
            "type": "object",
            "properties": { "product": schema::product() },
            "required": ["product"],
        }),
        hints: Hints::READ,
        callers: Callers::Model,
        shows: Some(Widget::Buy),
        status: ["Fetching the product", "Product shown"],
    }
    .to_json()
}

impl ShowProduct {
    /// `product_name`, the argument of the project's first page, is still accepted though no longer described.
    pub(super) fn parse(root: &Object<'_>) -> Result<Self, ArgumentError> {
        root.only(&["product", "product_name"])?;
        let named = root.text("product", LONGEST)?;
        let product = match named {
            Some(product) => Some(product),
            None => root.text("product_name", LONGEST)?,
        };
        let send = "a product's id or name; search_products lists them";
        let product = product.ok_or_else(|| ArgumentError::new("product", "is missing", send))?;
        Ok(Self { product: product.to_owned() })
    }

    pub(super) fn answer(&self, view: &MerchantView) -> ToolResult {
        let Some(product) = self.find(view) else {
            let shown = super::super::fault::clip(&self.product);
            return ToolResult::error(format!(
                "This shop has no product \"{shown}\". Call search_products to see what it sells, and send the id of \
                 one of its products."
            ));
        };
        let card = ProductCard::of(product);
        let from = if card.price_varies { "from " } else { "" };
        let stock = match card.availability {
            Availability::InStock => "in stock",
            Availability::OutOfStock => "not available at the moment",
        };
        let sentence =
            format!("{}, {from}{} before tax and shipping, {stock}.", card.title, card.price.display);
        match ToolResult::data(sentence, &Content { product: card }) {
            Some(result) => result.with_meta(SHOP, &ShopCard::of(view)),
            None => ToolResult::error("This product cannot be shown.".to_owned()),
        }
    }

    /// Finds a product by its id or a variant's; else the best result of a search for the words.
    fn find<'a>(&self, view: &'a MerchantView) -> Option<&'a Product> {
        let by_id = self.product.parse::<ItemId>().ok().and_then(|id| view.catalog.product(&id));
        by_id.or_else(|| {
            // A search without words matches every product, which was not asked for.
            if !self.product.chars().any(char::is_alphanumeric) {
                return None;
            }
            let search = Search { words: self.product.clone(), ..Search::default() };
            let found = view.catalog.search(&search);
            found.products.first().copied().filter(|_| found.fit == Fit::All)
        })
    }
}
