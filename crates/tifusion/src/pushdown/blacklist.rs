//! Names that may not be pushed down: `plan.unsupported_pushdown_exprs` and TiDB's
//! `mysql.expr_pushdown_blacklist`.

use std::collections::BTreeSet;

use super::capability::Capability;

/// The name that stands for everything, in `plan.unsupported_pushdown_exprs`.
const EVERYTHING: &str = "*";

/// Names that TiDB knows by symbols or other names too, with those.
const ALIASES: [(&str, &str); 25] = [
    ("substr", "substring"),
    ("substr", "mid"),
    ("ceil", "ceiling"),
    ("dayofmonth", "day"),
    ("length", "octet_length"),
    ("char_length", "character_length"),
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blacklist {
    configured: BTreeSet<String>,
    /// `None` if nobody knows, so that it may be any.
    cluster: Option<BTreeSet<String>>,
}

impl Blacklist {
    /// The names of the configuration, and those of the cluster, if these are known.
    pub(crate) fn new(configured: &[String], cluster: Option<&[String]>) -> Self {
        let names = |list: &[String]| list.iter().map(|name| canonical(name)).collect();
        Self { configured: names(configured), cluster: cluster.map(names) }
    }

    /// Whether nothing at all is pushed down.
    pub(crate) fn is_everything(&self) -> bool {
        self.configured.contains(EVERYTHING) || self.cluster.is_none()
    }

    /// Who forbids `row`, for people. TiDB's table has functions by their names, and by name and
    /// signature (`cast.castintasreal`).
    pub(super) fn blocks(&self, row: &Capability) -> Option<String> {
        let mut names = vec![row.tidb_name().to_owned(), canonical(row.name())];
        if let Some(signature) = row.signature() {
            let signature = signature.to_lowercase();
            // What the stores have no cast for is asked as another function.
            names.extend(match signature.as_str() {
                "neint" => Some("ne".to_owned()),
                "date" => Some("date".to_owned()),
                _ => None,
            });
            names.push(format!("{}.{signature}", row.tidb_name()));
        }
        names.iter().find_map(|name| self.blocks_name(name))
    }

    /// Who forbids the function of this name, for people.
    pub(super) fn blocks_name(&self, name: &str) -> Option<String> {
        let Some(cluster) = &self.cluster else {
            return Some("mysql.expr_pushdown_blacklist can't be read".to_owned());
        };
        if self.is_everything() || self.configured.contains(name) {
            Some(format!("{name} is in plan.unsupported_pushdown_exprs"))
        } else if cluster.contains(name) {
            Some(format!("{name} is in mysql.expr_pushdown_blacklist"))
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
    match ALIASES.iter().find(|(_, alias)| *alias == name) {
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
        Blacklist::new(&configured, Some(&cluster))
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
    fn a_signature_and_another_name_of_the_function_count() {
        let cast = find("CAST AS DOUBLE", Kind::Int).unwrap();
        assert!(blacklist(&[], &["cast.CastIntAsReal"]).blocks(cast).is_some());
        assert_eq!(blacklist(&[], &["cast.castintasint"]).blocks(cast), None);
        let substr = find("substr", Kind::Text).unwrap();
        assert!(blacklist(&[], &["MID"]).blocks(substr).is_some());
        let truth = find("CAST AS BOOLEAN", Kind::Int).unwrap();
        assert!(blacklist(&[], &["ne"]).blocks(truth).is_some());
    }

    #[test]
    fn a_table_that_cannot_be_read_may_forbid_anything() {
        let unknown = Blacklist::new(&[], None);
        assert!(unknown.is_everything());
        assert!(unknown.blocks(find("<", Kind::Int).unwrap()).unwrap().contains("can't be read"));
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
