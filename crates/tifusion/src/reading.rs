//! How a statement reads a table, besides what it selects of it.

use std::sync::Arc;

use tifusion_client::Timestamp;
use tifusion_schema::TableInfo;
use tifusion_schema::model::state::ViewSecurity;

use crate::error::{Error, Result};

/// As of when a table is read, through which views, and which of its partitions: it belongs to the
/// table in a plan, and so goes with the plan wherever that is used.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    /// The time that `AS OF TIMESTAMP` asks for; `None` for now.
    pub(crate) as_of: Option<Timestamp>,
    /// The views around the table, the outermost first.
    pub(crate) views: Vec<Arc<ViewUse>>,
    /// The names in `PARTITION (…)`; `None` for all partitions.
    pub(crate) partitions: Option<Arc<[String]>>,
    /// Whether the row ids of a table without a clustered key are shown, whatever the session says.
    pub(crate) row_id: bool,
}

impl Reading {
    /// Whether all of the table is read, as it is now, by itself.
    pub(crate) fn is_plain(&self) -> bool {
        let Self { as_of, views, partitions, row_id } = self;
        as_of.is_none() && views.is_empty() && partitions.is_none() && !row_id
    }
}

/// A view that a statement reads through.
#[derive(Debug)]
pub(crate) struct ViewUse {
    /// Id of its database.
    pub(crate) database_id: i64,
    /// Its database, as TiDB spells it.
    pub(crate) database: Arc<str>,
    /// TiDB's description.
    pub(crate) info: Arc<TableInfo>,
    /// The schema version that the description is of.
    pub(crate) schema_version: i64,
}

impl ViewUse {
    /// `database.view`, for people.
    pub(crate) fn label(&self) -> String {
        format!("{}.{}", self.database, self.info.name)
    }

    /// Whether what is in it is read by the rights of whoever defined it.
    pub(crate) fn is_definers(&self) -> bool {
        self.info.view.as_ref().is_none_or(|view| view.security == ViewSecurity::Definer)
    }
}

/// The refusal of a statement that reads at two times, as TiDB's 8135.
pub(crate) fn different_times(one: Option<Timestamp>, other: Option<Timestamp>) -> Error {
    let said = |at: Option<Timestamp>| match at {
        None => "now".to_owned(),
        Some(ts) => ts.to_string(),
    };
    Error::invalid(format!(
        "can not set different time in the as of: all tables of a statement are read AS OF one \
         TIMESTAMP or none is (one at {}, another at {})",
        said(one),
        said(other)
    ))
}

/// The ids of the partitions of `info` that have these names.
///
/// # Errors
/// When the table has no partitions (TiDB's 1747), or none of one of the names (TiDB's 1735).
pub(crate) fn partition_ids(info: &TableInfo, names: &[String]) -> Result<Vec<i64>> {
    let Some(partitions) = info.partition_info() else {
        return Err(Error::invalid(format!(
            "PARTITION () clause on non partitioned table {}",
            info.name
        )));
    };
    let find = |name: &String| {
        let found = partitions.find(name).map(|definition| definition.id);
        found.ok_or_else(|| {
            let all = partitions.readable_definitions();
            let all: Vec<&str> = all.map(|definition| definition.name.as_str()).collect();
            Error::invalid(format!(
                "Unknown partition '{name}' in table '{}': its partitions are {}",
                info.name,
                all.join(", ")
            ))
        })
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(json: &str) -> TableInfo {
        TableInfo::from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn partitions_are_found_whatever_their_case_and_others_are_refused_by_name() {
        let partitioned = table(
            r#"{"id": 1, "name": {"O": "t", "L": "t"}, "state": 5,
                "partition": {"type": 1, "expr": "`a`", "enable": true, "definitions": [
                    {"id": 11, "name": {"O": "p0", "L": "p0"}, "less_than": ["10"]},
                    {"id": 12, "name": {"O": "Old", "L": "old"}, "less_than": ["20"]}]}}"#,
        );
        let ids = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            partition_ids(&partitioned, &names)
        };
        assert_eq!(ids(&["OLD", "p0", "P0"]).unwrap(), [12, 11, 11]);
        let error = ids(&["p0", "p9"]).unwrap_err().to_string();
        assert_eq!(error, "Unknown partition 'p9' in table 't': its partitions are p0, Old");
        let plain = table(r#"{"id": 1, "name": {"O": "t", "L": "t"}, "state": 5}"#);
        let error = partition_ids(&plain, &["p0".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "PARTITION () clause on non partitioned table t");
    }
}
