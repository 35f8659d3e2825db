//! Module cycles inside a crate.
//!
//! In each folder of modules, an edge `a → b` says that something under `a` names something under
//! its sibling `b`. A parent that names its children, and a child that names what its parent itself
//! defines, are no cycle; the crate root's re-exports count as the module they come from.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::Visit;

use crate::Finding;
use crate::sources::{Crate, File};

type Graph = BTreeMap<String, BTreeSet<String>>;

/// Looks for cycles in each crate.
pub(crate) fn check(crates: &[Crate]) -> Vec<Finding> {
    crates.iter().flat_map(check_crate).collect()
}

fn check_crate(krate: &Crate) -> Vec<Finding> {
    let modules: BTreeSet<Vec<String>> =
        krate.files.iter().map(|file| file.module.clone()).collect();
    let reexports = root_reexports(krate);
    let mut folders: BTreeMap<Vec<String>, Graph> = BTreeMap::new();
    for file in krate.files.iter().filter(|file| !file.is_test && !file.module.is_empty()) {
        for target in paths_of(file, &modules, &reexports) {
            add_edge(&mut folders, &file.module, &target);
        }
    }
    let mut findings = Vec::new();
    for (folder, graph) in &folders {
        if let Some(cycle) = find_cycle(graph) {
            let place = if folder.is_empty() { "src".to_owned() } else { folder.join("::") };
            let cycle = cycle.join(" → ");
            findings.push(Finding(format!("crates/{}: cycle in {place}: {cycle}", krate.name)));
        }
    }
    findings
}

/// Puts an edge where the two module paths part.
fn add_edge(folders: &mut BTreeMap<Vec<String>, Graph>, from: &[String], to: &[String]) {
    let shared = from.iter().zip(to).take_while(|(a, b)| a == b).count();
    if let (Some(source), Some(target)) = (from.get(shared), to.get(shared)) {
        let folder: Vec<String> = from.iter().take(shared).cloned().collect();
        let graph = folders.entry(folder).or_default();
        graph.entry(source.clone()).or_default().insert(target.clone());
    }
}

/// Names re-exported by the crate root, with the module that each comes from.
fn root_reexports(krate: &Crate) -> BTreeMap<String, Vec<String>> {
    let mut names = BTreeMap::new();
    let roots = krate.files.iter().filter(|file| file.module.is_empty());
    for item in roots.flat_map(|file| &file.syntax.items) {
        if let syn::Item::Use(item) = item {
            let mut paths = Vec::new();
            flatten(&item.tree, &mut Vec::new(), &mut paths);
            for path in paths {
                if let Some((name, module)) = path.split_last() {
                    names.insert(name.clone(), module.to_vec());
                }
            }
        }
    }
    names
}

/// The modules that a file names by `crate::`, `super::` or `self::`.
fn paths_of(
    file: &File,
    modules: &BTreeSet<Vec<String>>,
    reexports: &BTreeMap<String, Vec<String>>,
) -> BTreeSet<Vec<String>> {
    let mut collector = Collector { paths: Vec::new() };
    collector.visit_file(&file.syntax);
    let mut targets = BTreeSet::new();
    for path in collector.paths {
        let Some(absolute) = absolute(&path, &file.module) else { continue };
        let absolute = match absolute.first().and_then(|first| reexports.get(first)) {
            Some(module) if !modules.contains(absolute.get(..1).unwrap_or_default()) => {
                module.clone()
            }
            _ => absolute,
        };
        let known = (1..=absolute.len())
            .rev()
            .filter_map(|length| absolute.get(..length))
            .find(|prefix| modules.contains(*prefix));
        if let Some(module) = known
            && module != file.module
        {
            targets.insert(module.to_vec());
        }
    }
    targets
}

/// Turns a path into one from the crate root; `None` for paths into other crates.
fn absolute(path: &[String], module: &[String]) -> Option<Vec<String>> {
    let mut base = module.to_vec();
    let mut rest = path.iter().peekable();
    match rest.next()?.as_str() {
        "crate" => base.clear(),
        "self" => {}
        "super" => {
            base.pop();
            while rest.next_if(|part| *part == "super").is_some() {
                base.pop();
            }
        }
        _ => return None,
    }
    base.extend(rest.cloned());
    Some(base)
}

struct Collector {
    paths: Vec<Vec<String>>,
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_cfg_test(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_cfg_test(&item.attrs) {
            flatten(&item.tree, &mut Vec::new(), &mut self.paths);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.paths.push(path.segments.iter().map(|part| part.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }
}

fn is_cfg_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

/// The paths of a use tree, written out.
pub(crate) fn flatten(tree: &syn::UseTree, prefix: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    match tree {
        syn::UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, out);
            prefix.pop();
        }
        syn::UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, prefix, out);
            }
        }
        syn::UseTree::Name(name) => push(&name.ident, prefix, out),
        syn::UseTree::Rename(name) => push(&name.ident, prefix, out),
        syn::UseTree::Glob(_) => out.push(prefix.clone()),
    }
}

fn push(name: &syn::Ident, prefix: &[String], out: &mut Vec<Vec<String>>) {
    let mut path = prefix.to_vec();
    if name != "self" {
        path.push(name.to_string());
    }
    out.push(path);
}

/// A cycle of the graph, first node repeated at the end.
fn find_cycle(graph: &Graph) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    graph.keys().find_map(|start| walk(graph, start, &mut Vec::new(), &mut done))
}

fn walk(
    graph: &Graph,
    node: &str,
    path: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    if let Some(at) = path.iter().position(|earlier| earlier == node) {
        let mut cycle = path.split_off(at);
        cycle.push(node.to_owned());
        return Some(cycle);
    }
    if !done.insert(node.to_owned()) {
        return None;
    }
    path.push(node.to_owned());
    for next in graph.get(node).into_iter().flatten() {
        if let Some(cycle) = walk(graph, next, path, done) {
            return Some(cycle);
        }
    }
    path.pop();
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(module: &[&str], text: &str) -> File {
        File {
            path: module.join("/").into(),
            module: module.iter().map(|part| (*part).to_owned()).collect(),
            lines: 1,
            is_test: false,
            syntax: syn::parse_file(text).unwrap(),
        }
    }

    fn findings(files: Vec<File>) -> Vec<String> {
        let krate = Crate { name: "x".to_owned(), files };
        check(&[krate]).into_iter().map(|Finding(text)| text).collect()
    }

    #[test]
    fn two_modules_that_name_each_other_are_a_cycle() {
        let found = findings(vec![
            file(&["a"], "use crate::b::B; pub struct A;"),
            file(&["b"], "pub struct B(super::a::A);"),
        ]);
        assert_eq!(found, ["crates/x: cycle in src: a → b → a"]);
    }

    #[test]
    fn a_cycle_through_the_root_s_re_export_is_found() {
        let found = findings(vec![
            file(&[], "mod a; mod b; pub use a::A;"),
            file(&["a"], "use crate::b::B; pub struct A;"),
            file(&["b"], "use crate::A; pub struct B;"),
        ]);
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn siblings_inside_a_folder_are_checked_too() {
        let found = findings(vec![
            file(&["f"], "mod a; mod b;"),
            file(&["f", "a"], "use super::b::B; pub struct A;"),
            file(&["f", "b"], "use crate::f::a::A; pub struct B;"),
        ]);
        assert_eq!(found, ["crates/x: cycle in f: a → b → a"]);
    }

    #[test]
    fn parents_children_and_tests_are_no_cycle() {
        let found = findings(vec![
            file(&["f"], "mod a; use a::A; pub struct F;"),
            file(&["f", "a"], "use super::F; pub struct A;"),
            file(&["g"], "use crate::f::F; #[cfg(test)] mod tests { use crate::h::H; }"),
            file(&["h"], "use crate::g::G; pub struct H;"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }
}
