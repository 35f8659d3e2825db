//! Types of the protocol stack must not show in the public API of the `tifusion` crate: its users
//! would be bound to our gRPC stack's versions. Nor those of the driver for TiDB's SQL port.

use std::collections::BTreeSet;

use syn::visit::Visit;
use syn::{ImplItem, Item, Visibility};

use crate::Finding;
use crate::cycles::flatten;
use crate::sources::{Crate, File};

/// Crates that must not leak.
const PRIVATE: [&str; 6] =
    ["tifusion_proto", "tonic", "prost", "tifusion_client", "mysql_async", "rustls"];

/// What of the client is part of the public API on purpose: plain data without protocol types.
const ALLOWED: [&str; 2] = ["RetrySafety", "Timestamp"];

/// Looks at each public item of the `tifusion` crate.
pub(crate) fn check(crates: &[Crate]) -> Vec<Finding> {
    crates
        .iter()
        .filter(|krate| krate.name == "tifusion")
        .flat_map(|krate| krate.files.iter().filter(|file| !file.is_test))
        .flat_map(check_file)
        .collect()
}

fn check_file(file: &File) -> Vec<Finding> {
    let mut leaks = Leaks { names: private_names(file), found: BTreeSet::new() };
    for item in &file.syntax.items {
        leaks.item(item);
    }
    leaks
        .found
        .into_iter()
        .map(|name| {
            let path = file.path.display();
            Finding(format!("crates/tifusion/src/{path}: the public API names {name}"))
        })
        .collect()
}

/// Names that the file imports from a private crate.
fn private_names(file: &File) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = PRIVATE.iter().map(|name| (*name).to_owned()).collect();
    for item in &file.syntax.items {
        let Item::Use(item) = item else { continue };
        if let syn::UseTree::Path(path) = &item.tree
            && PRIVATE.contains(&path.ident.to_string().as_str())
        {
            local_names(&path.tree, &mut names);
        }
    }
    names.retain(|name| !ALLOWED.contains(&name.as_str()));
    names
}

/// The names that a use tree brings into the file.
fn local_names(tree: &syn::UseTree, names: &mut BTreeSet<String>) {
    match tree {
        syn::UseTree::Path(path) => local_names(&path.tree, names),
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| local_names(tree, names)),
        syn::UseTree::Name(name) => {
            names.insert(name.ident.to_string());
        }
        syn::UseTree::Rename(name) => {
            names.insert(name.rename.to_string());
        }
        syn::UseTree::Glob(_) => {}
    }
}

struct Leaks {
    names: BTreeSet<String>,
    found: BTreeSet<String>,
}

impl Leaks {
    fn item(&mut self, item: &Item) {
        match item {
            Item::Fn(function) if is_public(&function.vis) => {
                self.visit_signature(&function.sig);
            }
            Item::Struct(item) if is_public(&item.vis) => {
                for field in item.fields.iter().filter(|field| is_public(&field.vis)) {
                    self.visit_type(&field.ty);
                }
                self.visit_generics(&item.generics);
            }
            Item::Enum(item) if is_public(&item.vis) => {
                for variant in &item.variants {
                    self.visit_fields(&variant.fields);
                }
            }
            Item::Type(item) if is_public(&item.vis) => self.visit_type(&item.ty),
            Item::Trait(item) if is_public(&item.vis) => self.visit_item_trait(item),
            Item::Const(item) if is_public(&item.vis) => self.visit_type(&item.ty),
            Item::Impl(item) if item.trait_.is_none() => self.inherent(item),
            Item::Use(item) if is_public(&item.vis) => self.reexport(item),
            _ => {}
        }
    }

    fn inherent(&mut self, item: &syn::ItemImpl) {
        for member in &item.items {
            if let ImplItem::Fn(function) = member
                && is_public(&function.vis)
            {
                self.visit_signature(&function.sig);
            }
        }
    }

    fn reexport(&mut self, item: &syn::ItemUse) {
        let mut paths = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut paths);
        for path in paths {
            let private = path.first().is_some_and(|first| PRIVATE.contains(&first.as_str()));
            let allowed = path.last().is_some_and(|last| ALLOWED.contains(&last.as_str()));
            if private && !allowed {
                self.found.insert(path.join("::"));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Leaks {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let allowed =
            path.segments.last().is_some_and(|last| ALLOWED.contains(&&*last.ident.to_string()));
        if let Some(first) = path.segments.first()
            && !allowed
            && self.names.contains(&first.ident.to_string())
        {
            self.found.insert(first.ident.to_string());
        }
        syn::visit::visit_path(self, path);
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaks(text: &str) -> Vec<String> {
        let file = File {
            path: "a.rs".into(),
            module: vec!["a".to_owned()],
            lines: 1,
            is_test: false,
            syntax: syn::parse_file(text).unwrap(),
        };
        check_file(&file).into_iter().map(|Finding(text)| text).collect()
    }

    #[test]
    fn a_proto_type_in_a_public_signature_is_found() {
        let text = "use tifusion_proto::metapb; pub fn store() -> Vec<metapb::Store> { vec![] }";
        assert_eq!(leaks(text), ["crates/tifusion/src/a.rs: the public API names metapb"]);
    }

    #[test]
    fn a_public_field_and_a_re_export_are_found() {
        assert_eq!(leaks("pub struct S { pub s: tonic::Status }").len(), 1);
        assert_eq!(leaks("pub use tifusion_client::Region;").len(), 1);
    }

    #[test]
    fn a_renamed_import_does_not_shadow_the_file_s_own_type() {
        let text =
            "use tonic::Code as GrpcCode; pub enum Code { A } pub fn code() -> Code { todo!() }";
        assert!(leaks(text).is_empty());
        let text = "use tonic::Code as GrpcCode; pub fn code() -> GrpcCode { todo!() }";
        assert_eq!(leaks(text).len(), 1);
    }

    #[test]
    fn private_items_and_plain_data_are_fine() {
        let text = "use tifusion_proto::metapb; use tifusion_client::Timestamp; \
                    fn a() -> metapb::Store { todo!() } pub(crate) struct S(metapb::Store); \
                    pub fn ts() -> Timestamp { todo!() }";
        assert!(leaks(text).is_empty());
    }
}
