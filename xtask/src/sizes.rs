//! Sizes of files and functions: figures for people, limits for the check.

use syn::spanned::Spanned;
use syn::visit::Visit;

use crate::Finding;
use crate::sources::{Crate, File, is_test_module};

/// Lines of a file, tests apart.
const FILE_LIMIT: usize = 800;
/// Lines of a function.
const FUNCTION_LIMIT: usize = 100;

/// Figures per crate, and what is past a limit.
pub(crate) fn check(crates: &[Crate]) -> (Vec<String>, Vec<Finding>) {
    let mut figures = Vec::new();
    let mut findings = Vec::new();
    for krate in crates {
        let mut files = Vec::new();
        let mut functions = Functions::default();
        for file in krate.files.iter().filter(|file| !file.is_test) {
            let lines = file.lines - test_lines(file);
            files.push(lines);
            if lines > FILE_LIMIT {
                findings.push(Finding(format!(
                    "crates/{}/src/{}: {lines} lines, limit {FILE_LIMIT}",
                    krate.name,
                    file.path.display()
                )));
            }
            let before = functions.sizes.len();
            functions.visit_file(&file.syntax);
            for (name, lines) in functions.sizes.iter().skip(before) {
                if *lines > FUNCTION_LIMIT {
                    findings.push(Finding(format!(
                        "crates/{}/src/{}: fn {name} has {lines} lines, limit {FUNCTION_LIMIT}",
                        krate.name,
                        file.path.display()
                    )));
                }
            }
        }
        let sizes: Vec<usize> = functions.sizes.iter().map(|(_, lines)| *lines).collect();
        figures.push(format!(
            "{:10} {:3} files: {}; {:4} functions: {}",
            krate.name,
            files.len(),
            spread(files),
            sizes.len(),
            spread(sizes.clone())
        ));
    }
    (figures, findings)
}

/// Median, 95th percentile and maximum.
fn spread(mut values: Vec<usize>) -> String {
    values.sort_unstable();
    let at = |percent: usize| {
        let index = values.len().saturating_sub(1) * percent / 100;
        values.get(index).copied().unwrap_or_default()
    };
    format!("median {}, p95 {}, max {} lines", at(50), at(95), at(100))
}

/// Lines of the inline test modules.
fn test_lines(file: &File) -> usize {
    file.syntax
        .items
        .iter()
        .filter_map(|item| match item {
            syn::Item::Mod(module) if is_test_module(&module.ident.to_string()) => {
                Some(lines_of(module))
            }
            _ => None,
        })
        .sum()
}

fn lines_of(item: &impl Spanned) -> usize {
    let span = item.span();
    span.end().line + 1 - span.start().line
}

#[derive(Default)]
struct Functions {
    sizes: Vec<(String, usize)>,
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test_module(&module.ident.to_string()) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.sizes.push((function.sig.ident.to_string(), lines_of(&function.block)));
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.sizes.push((function.sig.ident.to_string(), lines_of(&function.block)));
        syn::visit::visit_impl_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_function_is_found_and_tests_are_not_counted() {
        let body = "    let _a = 1;\n".repeat(FUNCTION_LIMIT + 1);
        let text = format!("fn long() {{\n{body}}}\nmod tests {{\n fn inner() {{\n{body} }} }}\n");
        let file = File {
            path: "a.rs".into(),
            module: vec!["a".to_owned()],
            lines: text.lines().count(),
            is_test: false,
            syntax: syn::parse_file(&text).unwrap(),
        };
        let krate = Crate { name: "x".to_owned(), files: vec![file] };
        let (_, findings) = check(&[krate]);
        assert_eq!(findings.len(), 1, "{findings:?}");
    }

    #[test]
    fn the_spread_of_nothing_is_zero() {
        assert_eq!(spread(vec![]), "median 0, p95 0, max 0 lines");
    }
}
