//! Broken keys, values and plans: an answer or an error, never a panic.

use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use tifusion_codec::field_type::tp;
use tifusion_codec::key::{self, Handle};
use tifusion_proto::coprocessor::{KeyRange, Request};
use tifusion_proto::tipb::{
    ExecType, Executor, Expr, ExprType, FieldType, IndexScan, Projection, ScalarFuncSig,
};

use super::fake::*;
use crate::cop::expr::testing::{call, column, decimal, int, text};
use crate::cop::json::Json;
use crate::cop::types::plain;

const TYPES: [u8; 16] = [
    tp::TINY,
    tp::LONG_LONG,
    tp::FLOAT,
    tp::DOUBLE,
    tp::NEW_DECIMAL,
    tp::VARCHAR,
    tp::DATE,
    tp::DATETIME,
    tp::TIMESTAMP,
    tp::DURATION,
    tp::JSON,
    tp::ENUM,
    tp::SET,
    tp::BIT,
    tp::YEAR,
    tp::TIDB_VECTOR_FLOAT32,
];

fn projection(exprs: Vec<Expr>) -> Executor {
    Executor {
        tp: Some(ExecType::TypeProjection.into()),
        projection: Some(Box::new(Projection { exprs, ..Projection::default() })),
        ..Executor::default()
    }
}

fn signatures() -> Vec<ScalarFuncSig> {
    (0..8000).filter_map(|number| ScalarFuncSig::try_from(number).ok()).collect()
}

fn constant(kind: ExprType, code: u8, val: Vec<u8>) -> Expr {
    let field_type = FieldType { decimal: Some(0), ..plain(code, 0) };
    Expr { tp: Some(kind.into()), val: Some(val), field_type: Some(field_type), ..Expr::default() }
}

fn time(packed: u64) -> Expr {
    constant(ExprType::MysqlTime, tp::DATETIME, packed.to_be_bytes().to_vec())
}

fn duration(nanos: i64) -> Expr {
    let mut val = Vec::new();
    tifusion_codec::number::encode_i64(&mut val, nanos);
    constant(ExprType::MysqlDuration, tp::DURATION, val)
}

/// Arguments of every kind, to be mixed.
fn arguments() -> Vec<Expr> {
    vec![
        int(-1),
        int(i64::MAX),
        text("2024-01-02 03:04:05"),
        text("DAY"),
        text("%"),
        decimal("-12.5"),
        column(0, plain(tp::LONG_LONG, 0)),
        time(u64::MAX >> 1),
        time(0),
        time((9999 * 13 + 12) << 46 | 31 << 41),
        duration(i64::MIN),
        duration(-tifusion_codec::duration::MAX_NANOS),
        Expr {
            tp: Some(ExprType::Null.into()),
            field_type: Some(plain(tp::DATETIME, 0)),
            ..Expr::default()
        },
    ]
}

proptest! {
    #[test]
    fn rows_of_any_bytes(
        value in vec(any::<u8>(), 0..60), is_new in any::<bool>(), code in 0..TYPES.len(),
    ) {
        let value = if is_new { [&[128, 0], value.as_slice()].concat() } else { value };
        let mut rows = FakeRows::default();
        rows.put(1, value);
        let scan = table_scan(vec![column_info(1, TYPES[code], 0), column_info(2, TYPES[code], 0)]);
        send(&mut rows, &request(&dag(vec![scan], 2), vec![whole_table()]));
    }

    #[test]
    fn index_entries_of_any_bytes(
        payload in vec(any::<u8>(), 0..40), value in vec(any::<u8>(), 0..40), code in 0..TYPES.len(),
        head in 0..4_usize,
    ) {
        let mut entry = key::index_prefix(TABLE, 3);
        entry.extend(payload);
        let heads: [&[u8]; 4] = [&[], &[0, 125, 1], &[0, 125, 1, 128, 0], &[8, 127]];
        let value = [heads[head], value.as_slice()].concat();
        let mut rows = FakeRows { pairs: [(entry, value)].into(), locked: None };
        let columns = vec![column_info(2, TYPES[code], 0), handle_column(1)];
        let idx_scan = IndexScan { columns, ..IndexScan::default() };
        let scan = Executor {
            tp: Some(ExecType::TypeIndexScan.into()),
            idx_scan: Some(idx_scan),
            ..Executor::default()
        };
        let (start, end) = key::index_range(TABLE, 3);
        send(&mut rows, &request(&dag(vec![scan], 2), vec![KeyRange { start, end }]));
    }

    #[test]
    fn plans_with_changed_bytes(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        start in vec(any::<u8>(), 0..12), end in vec(any::<u8>(), 0..12),
    ) {
        let scan = table_scan(vec![handle_column(1), column_info(2, tp::VARCHAR, 0)]);
        let compare = call(ScalarFuncSig::LtInt, plain(tp::LONG_LONG, 0), vec![
            column(0, plain(tp::LONG_LONG, 0)),
            int(5),
        ]);
        let plan = dag(vec![scan, projection(vec![compare])], 1);
        let mut data = plan.encode_to_vec();
        for (at, byte) in changes {
            let at = at.index(data.len());
            data[at] = byte;
        }
        let mut rows = FakeRows::default();
        rows.put(1, row_v2(&[(2, Some(b"x".to_vec()))]));
        let ranges = vec![whole_table()];
        send(&mut rows, &Request { tp: 103, data: data.into(), ranges, ..Request::default() });
        send(&mut rows, &request(&plan, vec![KeyRange { start, end }]));
    }

    #[test]
    fn every_signature_takes_any_arguments(
        sig in prop::sample::select(signatures()),
        picks in vec(0..13_usize, 0..5),
        code in 0..TYPES.len(),
    ) {
        let all = arguments();
        let args = picks.iter().map(|pick| all[*pick].clone()).collect();
        let ret = FieldType { decimal: Some(0), flen: Some(10), ..plain(TYPES[code], 0) };
        let mut rows = FakeRows::default();
        rows.put(i64::MIN, row_v2(&[]));
        let plan = dag(vec![table_scan(vec![handle_column(1)]), projection(vec![call(sig, ret, args)])], 1);
        send(&mut rows, &request(&plan, vec![whole_table()]));
    }

    #[test]
    fn documents_of_any_bytes(cell in vec(any::<u8>(), 0..60), kind in 0..18_u8) {
        if let Ok(document) = Json::decode(&[&[kind], cell.as_slice()].concat()) {
            document.compare(&document);
            document.encode();
        }
    }
}

#[test]
fn every_known_signature_survives_a_grid_of_arguments() {
    let all = arguments();
    let mut rows = FakeRows::default();
    rows.pairs.insert(key::encode_record_key(TABLE, &Handle::Int(i64::MIN)), row_v2(&[]));
    for sig in signatures() {
        for count in 0..4 {
            for pick in 0..all.len() {
                let args = (0..count).map(|at| all[(pick + at * 3) % all.len()].clone()).collect();
                let expr = call(sig, plain(tp::LONG_LONG, 0), args);
                let steps = vec![table_scan(vec![handle_column(1)]), projection(vec![expr])];
                send(&mut rows, &request(&dag(steps, 1), vec![whole_table()]));
            }
        }
    }
}
