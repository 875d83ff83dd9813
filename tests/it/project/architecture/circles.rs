//! No two files, and no two folders, that lie beside each other import each other, directly or in a circle. A folder and what
//! lies in it may.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use syn::visit::Visit;
use syn::{Attribute, File, Item, ItemMod, ItemUse, Path, UseTree, Visibility};

use super::{EMULATOR, rust_files, source};

/// A module or an item, by its names from the crate's root.
type Name = Vec<String>;

/// What one file names of the crate: what it imports or names in full, and what it exports under its own name.
#[derive(Default)]
struct Named {
    module: Name,
    paths: BTreeSet<Name>,
    exports: BTreeMap<String, Name>,
}

impl Named {
    fn of(module: Name, file: &File) -> Self {
        let mut named = Self { module, ..Self::default() };
        named.visit_file(file);
        named
    }

    /// The path from the crate's root; `None` of one that begins with a name of this file's own, or with another crate.
    fn absolute(&self, path: &[String]) -> Option<Name> {
        let supers = path.iter().take_while(|part| *part == "super").count();
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([&self.module[..], &path[1..]].concat()),
            "super" => {
                Some([&self.module[..self.module.len().checked_sub(supers)?], &path[supers..]].concat())
            }
            _ => Some([&self.module[..], path].concat()),
        }
    }

    fn take(&mut self, tree: &UseTree, before: &[String], is_exported: bool) {
        match tree {
            UseTree::Path(path) => {
                let before = [before, &[path.ident.to_string()]].concat();
                self.take(&path.tree, &before, is_exported);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.take(tree, before, is_exported);
                }
            }
            UseTree::Name(name) if name.ident == "self" => self.note(before, None),
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                self.note(&[before, std::slice::from_ref(&name)].concat(), is_exported.then_some(name));
            }
            UseTree::Rename(rename) => {
                let path = [before, &[rename.ident.to_string()]].concat();
                self.note(&path, is_exported.then(|| rename.rename.to_string()));
            }
            UseTree::Glob(_) => self.note(before, None),
        }
    }

    fn note(&mut self, path: &[String], exported: Option<String>) {
        let Some(path) = self.absolute(path) else { return };
        if let Some(name) = exported {
            self.exports.insert(name, path.clone());
        }
        self.paths.insert(path);
    }
}

pub(super) fn is_of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item(&mut self, item: &'ast Item) {
        if let Item::Mod(ItemMod { attrs, .. }) = item
            && is_of_tests(attrs)
        {
            return;
        }
        syn::visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.take(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let parts: Name = path.segments.iter().map(|part| part.ident.to_string()).collect();
        if parts.len() > 1 && ["crate", "super", "self"].contains(&parts[0].as_str()) {
            self.note(&parts, None);
        }
        syn::visit::visit_path(self, path);
    }
}

/// Every file of the crate whose root this folder is, by its module, with what it names. The emulator is no part of the crate
/// that it lies in.
fn files(root: &std::path::Path) -> BTreeMap<Name, Named> {
    let of_crate = rust_files(root).into_iter().filter(|path| !path.starts_with(root.join(EMULATOR)));
    let files = of_crate.map(|path| {
        let relative = path.strip_prefix(root).unwrap().with_extension("");
        let mut module: Name = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        let file = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
        (module.clone(), Named::of(module, &file))
    });
    files.filter(|(module, _)| module[..] != ["lib"] && module[..] != ["main"]).collect()
}

/// The file that a path leads to, through what others export.
fn leads_to<'a>(files: &'a BTreeMap<Name, Named>, path: &[String], exports: u32) -> Option<&'a Name> {
    let (module, named) = (1..=path.len()).rev().find_map(|end| files.get_key_value(&path[..end]))?;
    let exported = path.get(module.len()).and_then(|name| named.exports.get(name));
    match exported {
        Some(target) if exports > 0 && target[..] != *path => {
            let path = [&target[..], &path[module.len() + 1..]].concat();
            leads_to(files, &path, exports - 1)
        }
        _ => Some(module),
    }
}

/// Who names whom: from one file to another.
fn arrows(files: &BTreeMap<Name, Named>) -> BTreeSet<(&Name, &Name)> {
    let mut arrows = BTreeSet::new();
    for named in files.values() {
        let targets = named.paths.iter().filter_map(|path| leads_to(files, path, 5));
        arrows
            .extend(targets.filter(|target| **target != named.module).map(|target| (&named.module, target)));
    }
    arrows
}

/// The arrows between what lies in one folder.
type Neighbours<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// For each folder, who of what lies in it names whom.
fn by_folder<'a>(arrows: &BTreeSet<(&'a Name, &'a Name)>) -> BTreeMap<&'a [String], Neighbours<'a>> {
    let mut folders: BTreeMap<&[String], Neighbours<'_>> = BTreeMap::new();
    for (from, to) in arrows {
        let shared = from.iter().zip(*to).take_while(|(one, other)| one == other).count();
        if let (Some(one), Some(other)) = (from.get(shared), to.get(shared)) {
            folders.entry(&from[..shared]).or_default().entry(one).or_default().insert(other);
        }
    }
    folders
}

/// A way from one to another, over as few others as can be.
fn way<'a>(beside: &Neighbours<'a>, from: &'a str, to: &str) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![from]];
    let mut known = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let last = way[way.len() - 1];
            for next in beside.get(last).into_iter().flatten() {
                if *next == to {
                    return Some([&way[..], &[*next]].concat());
                }
                if known.insert(*next) {
                    longer.push([&way[..], &[*next]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

#[test]
fn nothing_imports_in_a_circle_what_lies_beside_it() {
    let mut circles = Vec::new();
    for root in [source(), source().join(EMULATOR)] {
        let files = files(&root);
        let arrows = arrows(&files);
        assert!(arrows.len() > files.len(), "the arrows of {} are seen", root.display());
        for (folder, beside) in by_folder(&arrows) {
            let place = root.join(folder.join("/"));
            for name in beside.keys() {
                if let Some(way) = way(&beside, name, name) {
                    circles.push(format!("{}: {}", place.display(), way.join(" -> ")));
                }
            }
        }
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

/// The floors of the checkout machine, from the ground up; each imports only what is below it.
const FLOORS: [&[&str]; 4] = [&["model"], &["rules"], &["step", "due"], &["driver"]];

#[test]
fn the_checkout_machine_imports_only_what_is_below() {
    let files = files(&source());
    let floor = |module: &Name| {
        let within = module.strip_prefix(&["domain", "checkout"].map(str::to_owned))?;
        let name = within.first()?;
        Some(FLOORS.iter().position(|names| names.contains(&name.as_str())).expect("a known floor"))
    };
    let arrows = arrows(&files);
    let upward: Vec<String> = arrows
        .iter()
        .filter(|(from, to)| floor(from).zip(floor(to)).is_some_and(|(from, to)| from < to))
        .map(|(from, to)| format!("{} -> {}", from.join("::"), to.join("::")))
        .collect();
    assert!(upward.is_empty(), "{}", upward.join("\n"));
    let within = |floor: &str| arrows.iter().filter(|(from, _)| from.contains(&floor.to_owned())).count();
    assert!(within("rules") > 20 && within("driver") > 10, "the arrows are seen");
}

#[test]
fn import_cycles_follow_reexports_but_not_parent_and_child() {
    let named = |module: &str, text: &str| {
        let module: Name = module.split("::").map(str::to_owned).collect();
        let file = syn::parse_file(text).unwrap();
        (module.clone(), Named::of(module, &file))
    };
    let files: BTreeMap<Name, Named> = [
        named("a", "pub use b::Thing; mod b; mod c; use c::other;"),
        named(
            "a::b",
            "use super::c::{self, other}; pub struct Thing; #[cfg(test)] mod tests { use super::d; }",
        ),
        named("a::c", "pub fn other() -> crate::a::Thing { crate::a::Thing }"),
        named("a::d", "use super::b::Thing;"),
    ]
    .into();
    let arrows = arrows(&files);
    let folders = by_folder(&arrows);
    let beside = &folders[&["a".to_owned()][..]];
    assert_eq!(way(beside, "b", "b"), Some(vec!["b", "c", "b"]));
    assert_eq!(way(beside, "d", "d"), None);
}
