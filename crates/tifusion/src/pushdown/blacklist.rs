//! Names that may not be pushed down: `plan.unsupported_pushdown_exprs` and TiDB's
//! `mysql.expr_pushdown_blacklist`.

use std::collections::BTreeSet;

use super::capability::Capability;

/// The name that stands for everything, in `plan.unsupported_pushdown_exprs`.
const EVERYTHING: &str = "*";

/// Names that TiDB writes as symbols too, with the symbols.
const SYMBOLS: [(&str, &str); 19] = [
    ("lt", "<"),
    ("le", "<="),
    ("eq", "="),
    ("ne", "!="),
    ("ne", "<>"),
    ("ge", ">="),
    ("gt", ">"),
    ("nulleq", "<=>"),
    ("plus", "+"),
    ("minus", "-"),
    ("mul", "*"),
    ("div", "/"),
    ("and", "&&"),
    ("or", "||"),
    ("not", "!"),
    ("bitand", "&"),
    ("bitor", "|"),
    ("mod", "%"),
    ("bitxor", "^"),
];

/// Names of operators and functions that the stores shall not evaluate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Blacklist {
    configured: BTreeSet<String>,
    cluster: BTreeSet<String>,
}

impl Blacklist {
    /// The names of the configuration, and those of the cluster.
    pub(crate) fn new(configured: &[String], cluster: &[String]) -> Self {
        let names = |list: &[String]| list.iter().map(|name| canonical(name)).collect();
        Self { configured: names(configured), cluster: names(cluster) }
    }

    /// Whether nothing at all is pushed down.
    pub(crate) fn is_everything(&self) -> bool {
        self.configured.contains(EVERYTHING)
    }

    /// Who forbids `row`, for people.
    pub(super) fn blocks(&self, row: &Capability) -> Option<String> {
        let has = |names: &BTreeSet<String>| {
            names.contains(row.tidb_name()) || names.contains(&canonical(row.name()))
        };
        if self.is_everything() || has(&self.configured) {
            Some(format!("{} is in plan.unsupported_pushdown_exprs", row.tidb_name()))
        } else if has(&self.cluster) {
            Some(format!("{} is in mysql.expr_pushdown_blacklist", row.tidb_name()))
        } else {
            None
        }
    }
}

/// TiDB's name, in lower case, of what may be a symbol.
fn canonical(name: &str) -> String {
    let name = name.trim().to_lowercase();
    if name == EVERYTHING {
        return name;
    }
    match SYMBOLS.iter().find(|(_, symbol)| *symbol == name) {
        Some((word, _)) => (*word).to_owned(),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pushdown::capability::Kind;
    use crate::pushdown::table::find;

    fn blacklist(configured: &[&str], cluster: &[&str]) -> Blacklist {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let (configured, cluster): (Vec<String>, Vec<String>) = (owned(configured), owned(cluster));
        Blacklist::new(&configured, &cluster)
    }

    #[test]
    fn names_symbols_and_case_name_the_same() {
        let less = find("<", Kind::Int).unwrap();
        let like = find("LIKE", Kind::Text).unwrap();
        for name in ["<", "lt", "LT", " Lt "] {
            assert!(blacklist(&[name], &[]).blocks(less).unwrap().contains("plan.unsupported"));
            assert!(blacklist(&[], &[name]).blocks(less).unwrap().contains("expr_pushdown_bl"));
            assert_eq!(blacklist(&[name], &[]).blocks(like), None, "{name}");
        }
    }

    #[test]
    fn a_star_is_everything_for_the_configuration_only() {
        for row in crate::pushdown::capabilities() {
            assert!(blacklist(&["*"], &[]).blocks(row).is_some());
        }
        assert!(blacklist(&["*"], &[]).is_everything());
        assert_eq!(blacklist(&[], &["*"]).blocks(find("<", Kind::Int).unwrap()), None);
    }
}
