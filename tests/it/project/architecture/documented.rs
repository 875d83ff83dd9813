//! Public types, traits and functions are documented. A field or a variant has a comment only where its name and type do not
//! say it, so the lint `missing_docs`, which wants one of each, is not used.

use std::fs;

use syn::visit::Visit;
use syn::{Attribute, File, ImplItemFn, Item, ItemMod, TraitItem, Visibility};

use super::product_files;

/// The names of public items without documentation.
#[derive(Default)]
struct Undocumented(Vec<String>);

fn is_documented(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("doc"))
}

impl Undocumented {
    fn check(&mut self, visibility: &Visibility, attributes: &[Attribute], name: &syn::Ident) {
        if matches!(visibility, Visibility::Public(_)) && !is_documented(attributes) {
            self.0.push(name.to_string());
        }
    }
}

impl<'ast> Visit<'ast> for Undocumented {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is not exhaustive")]
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            Item::Struct(item) => self.check(&item.vis, &item.attrs, &item.ident),
            Item::Enum(item) => self.check(&item.vis, &item.attrs, &item.ident),
            Item::Trait(item) => {
                self.check(&item.vis, &item.attrs, &item.ident);
                for member in &item.items {
                    if let TraitItem::Fn(function) = member {
                        self.check(&item.vis, &function.attrs, &function.sig.ident);
                    }
                }
            }
            Item::Type(item) => self.check(&item.vis, &item.attrs, &item.ident),
            Item::Const(item) => self.check(&item.vis, &item.attrs, &item.ident),
            Item::Static(item) => self.check(&item.vis, &item.attrs, &item.ident),
            Item::Fn(item) => self.check(&item.vis, &item.attrs, &item.sig.ident),
            _ => {}
        }
        syn::visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !super::circles::is_of_tests(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.check(&function.vis, &function.attrs, &function.sig.ident);
    }
}

fn undocumented(file: &File) -> Vec<String> {
    let mut found = Undocumented::default();
    // A file of a folder is documented by its first lines.
    if !is_documented(&file.attrs) {
        found.0.push("the file".to_owned());
    }
    found.visit_file(file);
    found.0
}

#[test]
fn public_items_are_documented() {
    let mut wrong = Vec::new();
    for path in product_files() {
        let file = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
        wrong.extend(undocumented(&file).into_iter().map(|name| format!("{}: {name}", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_public_item_without_documentation_is_found() {
    let file = "//! A file.\npub struct Bare { pub field: u8 }\n/// Said.\npub enum Fine { Variant }\n\
        impl Fine { pub fn bare(&self) {} fn private(&self) {} }\n/// A trait.\npub trait Of { fn method(&self); }";
    assert_eq!(undocumented(&syn::parse_str(file).unwrap()), ["Bare", "bare", "method"]);
}
