//! Whether a view compares text by a collation that DataFusion does not have, or makes something else of a `SET` or a `BIT` than
//! TiDB does.

use std::collections::HashSet;

use arrow::datatypes::DataType;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;
use tifusion_codec::field_type::tp;

use super::differs;
use crate::error::Result;
use crate::table::TidbTable;

/// Whether a collation orders text by its bytes in UTF-8. Those of `gbk` and `gb18030` go by other bytes.
fn by_bytes(collation: &str) -> bool {
    let is_unicode = !collation.starts_with("gb");
    collation.is_empty() || collation == "binary" || (collation.ends_with("_bin") && is_unicode)
}

/// What is known of a view's text columns and comparisons. Which column a comparison is of in the
/// end is not followed: a view that does both is refused.
#[derive(Debug, Default)]
pub(super) struct Collations {
    /// Columns whose collation is not that of their bytes, with it.
    insensitive: Vec<(String, String)>,
    sets: Vec<String>,
    bits: Vec<String>,
    used: HashSet<String>,
    compares: bool,
    orders: bool,
    spells: bool,
}

impl Collations {
    /// Takes in the columns of a table.
    pub(super) fn scan(&mut self, node: &LogicalPlan) {
        let LogicalPlan::TableScan(scan) = node else { return };
        let Ok(provider) = source_as_provider(&scan.source) else { return };
        let Some(table) = provider.downcast_ref::<TidbTable>() else { return };
        for column in table.info().public_columns() {
            match column.field_type.tp {
                tp::SET => self.sets.push(column.name.original.clone()),
                tp::BIT => self.bits.push(column.name.original.clone()),
                _ => {}
            }
            let collation = &column.field_type.collate;
            if !by_bytes(collation) {
                self.insensitive.push((column.name.original.clone(), collation.clone()));
            }
        }
    }

    /// A column of this name is used.
    pub(super) fn use_column(&mut self, name: &str) {
        if !self.used.contains(name) {
            self.used.insert(name.to_owned());
        }
    }

    #[cfg(test)]
    pub(super) fn uses(&self, name: &str) -> bool {
        self.used.contains(name)
    }

    /// Values of this type are compared, grouped or ordered.
    pub(super) fn compare(&mut self, ty: &DataType) {
        self.compares |= matches!(
            ty,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..)
        );
    }

    /// Values of this type are ordered.
    pub(super) fn order(&mut self, ty: &DataType) {
        self.orders |= matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    }

    /// Values of this type become text.
    pub(super) fn spell(&mut self, ty: &DataType) {
        self.spells |= *ty == DataType::UInt64;
    }

    /// Refuses a view that compares such text.
    pub(super) fn finish(self) -> Result<()> {
        for (is_done, names, why) in [
            (
                self.orders,
                &self.sets,
                "a SET is ordered by its number in TiDB, and text is ordered",
            ),
            (
                self.spells,
                &self.bits,
                "a BIT is bytes in TiDB where it is text, and a number becomes text",
            ),
        ] {
            if let Some(name) = names.iter().find(|name| is_done && self.used.contains(*name)) {
                return Err(differs(format!("the column {name}"), why));
            }
        }
        let is_used = |(name, _): &&(String, String)| self.used.contains(name);
        match self.insensitive.iter().find(is_used).filter(|_| self.compares) {
            None => Ok(()),
            Some((name, collation)) => Err(differs(
                format!("the column {name}"),
                &format!("its collation is {collation}, while text is compared by its bytes here"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::by_bytes;

    #[test]
    fn only_unicode_is_ordered_by_its_bytes() {
        for collation in ["", "binary", "utf8mb4_bin", "utf8_bin", "latin1_bin", "ascii_bin"] {
            assert!(by_bytes(collation), "{collation}");
        }
        for collation in ["gbk_bin", "gb18030_bin", "gbk_chinese_ci", "utf8mb4_general_ci"] {
            assert!(!by_bytes(collation), "{collation}");
        }
    }
}
