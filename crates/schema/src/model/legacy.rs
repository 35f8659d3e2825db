//! What old versions of TiDB wrote differently.

use super::column::ColumnInfo;

/// Brings the description of a table up to date, as TiDB does when it loads one
/// (`ConvertCharsetCollateToLowerCaseIfNeed`, `ConvertOldVersionUTF8ToUTF8MB4IfNeed`):
///
/// - below table version 3 (TiDB 2.1.9) names of character sets and collations may be in upper
///   case; they become lower case;
/// - below table version 2 and column version 2 (TiDB 2.1.7) `utf8` was not checked and may hold
///   four-byte characters; it becomes `utf8mb4` with `utf8mb4_bin`. TiDB does so unless its setting
///   `treat-old-version-utf8-as-utf8mb4` is off, which is on by default.
pub(super) fn modernise(
    version: u16,
    charset: &mut String,
    collate: &mut String,
    columns: &mut [ColumnInfo],
) {
    if version < 3 {
        charset.make_ascii_lowercase();
        collate.make_ascii_lowercase();
        for column in columns.iter_mut() {
            column.field_type.charset.make_ascii_lowercase();
            column.field_type.collate.make_ascii_lowercase();
        }
    }
    if version < 2 {
        widen_utf8(charset, collate);
        for column in columns.iter_mut().filter(|column| column.version < 2) {
            widen_utf8(&mut column.field_type.charset, &mut column.field_type.collate);
        }
    }
}

fn widen_utf8(charset: &mut String, collate: &mut String) {
    if charset == "utf8" {
        "utf8mb4".clone_into(charset);
        "utf8mb4_bin".clone_into(collate);
    }
}
