//! The form of a product in tool results and in the widget.
//!
//! Must not import [`crate::protocol::mcp`]. Invariant: prices are the catalog's; of a price range the least is
//! given.

use serde::Serialize;

use crate::domain::catalog::{Product, Sellable};
use crate::domain::merchant::MerchantView;
use crate::domain::money::Money;

/// The longest description in a list of products, in characters.
const LIST_DESCRIPTION: usize = 280;

/// A product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProductCard {
    /// The product's id. It can be bought under this id when it has no variants.
    pub id: String,
    pub title: String,
    /// Description, plain text.
    pub description: String,
    /// Category; may be empty.
    pub category: String,
    pub images: Vec<String>,
    /// The least price among its variants.
    pub price: Price,
    /// Whether variants differ in price, so that `price` is a "from".
    pub price_varies: bool,
    /// Whether anything of it can be bought now.
    pub availability: Availability,
    /// Whether it is sent by post.
    pub requires_shipping: bool,
    /// The variants; each is bought under its own id.
    pub variants: Vec<VariantCard>,
}

/// One variant of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VariantCard {
    /// The id to buy it under.
    pub id: String,
    /// How it differs from the other variants.
    pub title: String,
    /// The options that define it.
    pub options: Vec<Choice>,
    pub price: Price,
    /// Whether it can be bought now.
    pub availability: Availability,
}

/// One option: `Grind`, `Whole bean`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// The option's name.
    pub name: String,
    /// The option's value.
    pub value: String,
}

/// An amount before tax.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Price {
    /// Minor units.
    pub amount: i64,
    /// Upper-case ISO 4217 code.
    pub currency: String,
    /// The text shown to people: `24.99 USD`.
    pub display: String,
}

/// Whether something can be bought now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// Yes.
    InStock,
    /// Not now.
    OutOfStock,
}

impl From<Money> for Price {
    fn from(money: Money) -> Self {
        Self { amount: money.minor, currency: money.currency.upper(), display: money.to_string() }
    }
}

impl From<bool> for Availability {
    fn from(available: bool) -> Self {
        if available { Self::InStock } else { Self::OutOfStock }
    }
}

impl ProductCard {
    /// The card with all details.
    #[must_use]
    pub fn of(product: &Product) -> Self {
        let prices = || product.buyable().map(|item| item.price());
        let least = prices().min_by_key(|price| price.minor).unwrap_or(product.price);
        let variants = product.buyable().filter_map(|item| VariantCard::of(&item));
        Self {
            id: product.id.as_str().to_owned(),
            title: product.title.clone(),
            description: product.description.clone(),
            category: product.category.clone(),
            images: product.images.clone(),
            price: least.into(),
            price_varies: prices().any(|price| price.minor != least.minor),
            availability: product.buyable().any(|item| item.available()).into(),
            requires_shipping: product.shippable,
            variants: variants.collect(),
        }
    }

    /// The card in a list: its description is shortened to a few lines.
    #[must_use]
    pub fn brief(product: &Product) -> Self {
        let mut card = Self::of(product);
        if let Some((cut, _)) = card.description.char_indices().nth(LIST_DESCRIPTION) {
            card.description.truncate(cut);
            card.description.push('…');
        }
        card
    }
}

impl VariantCard {
    fn of(item: &Sellable<'_>) -> Option<Self> {
        let variant = item.variant?;
        let choice = |(name, value): &(String, String)| Choice { name: name.clone(), value: value.clone() };
        Some(Self {
            id: variant.id.as_str().to_owned(),
            title: variant.title.clone(),
            options: variant.options.iter().map(choice).collect(),
            price: variant.price.into(),
            availability: item.available().into(),
        })
    }
}

/// The shop's data for the widget: branding and data arrive with a tool's result, never in the HTML.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShopCard {
    pub name: String,
    /// Upper-case ISO 4217 code.
    pub currency: String,
    /// Whether payments are tests.
    pub test_mode: bool,
    /// Whether it takes orders now.
    pub selling: bool,
    /// The countries that it sells to: ISO 3166-1 codes.
    pub countries: Vec<String>,
    /// Accent colour, `#rrggbb`.
    pub color: Option<String>,
    /// Logo, an `https` address.
    pub logo: Option<String>,
}

impl ShopCard {
    /// The shop of a view.
    #[must_use]
    pub fn of(view: &MerchantView) -> Self {
        Self {
            name: view.name.clone(),
            currency: view.currency.upper(),
            test_mode: !view.mode.livemode(),
            selling: view.status == crate::domain::merchant::MerchantStatus::Active,
            countries: view.checkout.countries.iter().map(|country| country.as_str().to_owned()).collect(),
            color: view.chatgpt.brand.color.clone(),
            logo: view.chatgpt.brand.logo.clone(),
        }
    }
}
