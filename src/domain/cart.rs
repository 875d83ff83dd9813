//! The items and quantities that a shopper asks for. Nothing else from the shopper, such as a price, is trusted.

use serde::{Deserialize, Serialize};

use super::ids::ItemId;

/// The most lines that a cart may have.
pub const MAX_LINES: usize = 50;

/// The most pieces of one item.
pub const MAX_QUANTITY: u32 = 999;

/// One line: an item and how many of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartLine {
    pub id: ItemId,
    /// How many; 1 to [`MAX_QUANTITY`].
    pub quantity: u32,
}

/// A cart of one or more lines, with each item once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cart(Vec<CartLine>);

/// Why a list of items is not a valid cart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CartError {
    #[error("items must name at least one item")]
    Empty,
    /// More than [`MAX_LINES`] different items.
    #[error("items may name at most {MAX_LINES} different items")]
    TooManyLines,
    /// A line's quantity is zero, or lines of the same item add up to more than [`MAX_QUANTITY`].
    #[error("the quantity of \"{0}\" must be between 1 and {MAX_QUANTITY}")]
    Quantity(ItemId),
}

impl Cart {
    /// Makes a cart of these lines. Lines of the same item are added up, and items keep the order of their first
    /// mention.
    pub fn new(lines: impl IntoIterator<Item = CartLine>) -> Result<Self, CartError> {
        let mut merged: Vec<CartLine> = Vec::new();
        for line in lines {
            if let Some(known) = merged.iter_mut().find(|known| known.id == line.id) {
                known.quantity = known.quantity.saturating_add(line.quantity);
            } else if merged.len() == MAX_LINES {
                return Err(CartError::TooManyLines);
            } else {
                merged.push(line);
            }
        }
        if merged.is_empty() {
            return Err(CartError::Empty);
        }
        match merged.iter().find(|line| !(1..=MAX_QUANTITY).contains(&line.quantity)) {
            Some(line) => Err(CartError::Quantity(line.id.clone())),
            None => Ok(Self(merged)),
        }
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[CartLine] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, quantity: u32) -> CartLine {
        CartLine { id: id.parse().unwrap(), quantity }
    }

    #[test]
    fn lines_of_the_same_item_are_added_up() {
        let cart = Cart::new([line("a", 1), line("b", 2), line("a", 3)]).unwrap();
        assert_eq!(cart.lines(), [line("a", 4), line("b", 2)]);
    }

    #[test]
    fn impossible_carts_are_refused() {
        assert_eq!(Cart::new([]), Err(CartError::Empty));
        assert!(matches!(Cart::new([line("a", 0)]), Err(CartError::Quantity(_))));
        assert!(matches!(Cart::new([line("a", 999), line("a", 1)]), Err(CartError::Quantity(_))));
        assert!(matches!(Cart::new([line("a", u32::MAX), line("a", 2)]), Err(CartError::Quantity(_))));
        let many = (0..=MAX_LINES).map(|number| line(&format!("i{number}"), 1));
        assert_eq!(Cart::new(many), Err(CartError::TooManyLines));
    }
}
