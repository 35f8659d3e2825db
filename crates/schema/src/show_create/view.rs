//! Views and sequences.

use super::quote;
use crate::model::TableInfo;
use crate::model::sequence::SequenceInfo;
use crate::model::view::ViewInfo;

/// A view, with its query as TiDB keeps it.
pub(super) fn view(table: &TableInfo, view: &ViewInfo) -> String {
    let columns: Vec<_> =
        table.columns.iter().map(|column| quote::name(&column.name.original)).collect();
    let definer = view.definer.clone().unwrap_or_default();
    let (user, host) = match (definer.auth_username.as_str(), definer.auth_hostname.as_str()) {
        ("", _) | (_, "") => (definer.username.as_str(), definer.hostname.as_str()),
        authenticated => authenticated,
    };
    format!(
        "CREATE ALGORITHM={} DEFINER={}@{} SQL SECURITY {} VIEW {} ({}) AS {}",
        view.algorithm,
        quote::name(user),
        quote::name(host),
        view.security,
        quote::name(&table.name.original),
        columns.join(", "),
        view.select,
    )
}

/// A sequence.
pub(super) fn sequence(table: &TableInfo, sequence: &SequenceInfo) -> String {
    let cache = match sequence.cache {
        true => format!("cache {}", sequence.cache_value),
        false => "nocache".to_owned(),
    };
    let cycle = if sequence.cycle { "cycle" } else { "nocycle" };
    let comment = match sequence.comment.as_str() {
        "" => String::new(),
        comment => format!(" COMMENT={}", quote::text(comment)),
    };
    format!(
        "CREATE SEQUENCE {} start with {} minvalue {} maxvalue {} increment by {} {cache} {cycle} \
         ENGINE=InnoDB{comment}",
        quote::name(&table.name.original),
        sequence.start,
        sequence.min_value,
        sequence.max_value,
        sequence.increment,
    )
}
