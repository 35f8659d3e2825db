//! Each recorded pair of a value and a column.

use std::collections::BTreeSet;

use tifusion_codec::FieldType;
use tifusion_codec::input::ColumnConverter;
use tifusion_codec::row::check_stored;
use tifusion_codec::time::Zone;

use crate::known::{KNOWN, find};
use crate::literal::{arrays, hex, text};
use crate::stored::{LONGEST, normal, shown};
use crate::types::field_type;

const RECORDED: &str = include_str!("../../testdata/input.txt");

/// What TiDB stores, `!` for an error.
fn wanted(column: &FieldType, kind: &str, literal: &str, recorded: &str) -> String {
    let wanted = match recorded {
        "=" if kind == "text" => text(literal).bytes().map(|byte| format!("{byte:02x}")).collect(),
        "=" => hex(literal).iter().map(|byte| format!("{byte:02x}")).collect(),
        recorded if recorded.starts_with('!') => "!".to_owned(),
        recorded if recorded.ends_with(" long") => recorded.to_owned(),
        recorded => normal(column, recorded),
    };
    if wanted.len() > LONGEST { format!("{} long", wanted.len()) } else { wanted }
}

#[test]
fn values_are_stored_as_tidb_stores_them() {
    let (mut declaration, mut zone) = ("", Zone::Utc);
    let (mut differences, mut known, mut compared) = (Vec::new(), BTreeSet::new(), 0);
    for line in RECORDED.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<_> = line.split('\t').collect();
        let [kind, literal, recorded] = fields.as_slice() else { panic!("{line}") };
        if *kind == "target" {
            (declaration, zone) = (literal, recorded.parse().unwrap());
            continue;
        }
        let column = field_type(declaration);
        let wanted = wanted(&column, kind, literal, recorded);
        for array in arrays(kind, literal) {
            compared += 1;
            let converted = ColumnConverter::new(array.data_type(), &column, &zone)
                .and_then(|converter| converter.convert(array.as_ref(), 0));
            let (got, error) = match &converted {
                Ok(datum) => {
                    check_stored(&column, datum).unwrap_or_else(|error| panic!("{line}: {error}"));
                    (shown(&column, datum), String::new())
                }
                Err(error) => ("!".to_owned(), error.to_string()),
            };
            if got == wanted {
                continue;
            }
            match find(declaration, kind, literal).filter(|at| got.starts_with(KNOWN[*at].here)) {
                Some(at) => drop(known.insert(at)),
                None => differences.push(format!(
                    "{declaration} ({zone}), {kind} {literal} as {}: {wanted} in TiDB, here {got} {error}",
                    array.data_type()
                )),
            }
        }
    }
    let count = differences.len();
    assert!(differences.is_empty(), "{count} of {compared}:\n{}", differences.join("\n"));
    assert!(compared > 30_000, "{compared}");
    let unused: Vec<_> = (0..KNOWN.len()).filter(|at| !known.contains(at)).collect();
    assert!(unused.is_empty(), "differences that are none: {unused:?}");
}
