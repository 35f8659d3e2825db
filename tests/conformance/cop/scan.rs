//! Scans of tables and indexes.

use tifusion_codec::datum::{Datum, encode_key};
use tifusion_codec::key::{self, Handle};
use tifusion_proto::coprocessor::KeyRange;
use tifusion_proto::tipb::Executor;

use super::{Question, Table, dag, range};
use crate::harness::group::{Group, cases, group_tests};
use crate::harness::script::Script;

group_tests!();

fn group() -> Group {
    Group {
        name: "cop_scan",
        cases: cases![
            all_types,
            all_types_in_chunks,
            backwards,
            some_columns,
            the_handle_alone,
            an_unsigned_handle,
            a_common_handle,
            row_ids,
            points_and_ranges,
            an_empty_range,
            partitions,
            times_in_other_zones,
            a_column_that_rows_lack,
            an_index,
            an_index_backwards,
            a_unique_index,
            an_index_of_text,
            an_index_of_a_prefix,
            an_index_over_a_common_handle,
            an_index_of_times,
            points_of_an_index,
            locked_rows,
        ],
    }
}

async fn all_types(s: &mut Script) {
    for name in ["nums", "texts", "dates", "common"] {
        let t = Table::of(s, name).await;
        let plan = dag::plan(vec![t.scan()], t.columns.len());
        s.ask(name, Question::new(plan, t.all(), t.types())).await;
    }
}

async fn all_types_in_chunks(s: &mut Script) {
    for name in ["nums", "texts", "dates", "common"] {
        let t = Table::of(s, name).await;
        // TiKV has no chunks of SET.
        let columns: Vec<_> = t.columns.iter().filter(|it| it.tp != Some(0xf8)).cloned().collect();
        let types = columns.iter().map(dag::type_of).collect();
        let width = columns.len();
        let plan = dag::plan(vec![dag::table_scan(&t.info, t.info.id, columns)], width);
        s.ask(name, Question::new(plan, t.all(), types).in_chunks()).await;
    }
}

/// The same executor, from the end.
fn desc(mut executor: Executor) -> Executor {
    if let Some(scan) = &mut executor.tbl_scan {
        scan.desc = Some(true);
    }
    if let Some(scan) = &mut executor.idx_scan {
        scan.desc = Some(true);
    }
    executor
}

async fn backwards(s: &mut Script) {
    for name in ["nums", "common", "dates"] {
        let t = Table::of(s, name).await;
        let plan = dag::plan(vec![desc(t.scan()), dag::limit(3)], t.columns.len());
        s.ask(name, Question::new(plan, t.all(), t.types())).await;
    }
}

async fn some_columns(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let mut plan = dag::plan(vec![t.scan()], 0);
    plan.output_offsets = vec![5, 0, 1, 1];
    let types = [5, 0, 1, 1].map(|at| t.types()[at].clone()).to_vec();
    s.ask("nums", Question::new(plan, t.all(), types)).await;
}

async fn the_handle_alone(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let columns = vec![t.columns[0].clone()];
    let plan = dag::plan(vec![dag::table_scan(&t.info, t.info.id, columns)], 1);
    s.ask("nums", Question::new(plan, t.all(), t.types()[..1].to_vec())).await;
}

async fn an_unsigned_handle(s: &mut Script) {
    let t = Table::of(s, "dates").await;
    let columns = vec![t.columns[0].clone()];
    let scan = dag::table_scan(&t.info, t.info.id, columns);
    let plan = dag::plan(vec![scan], 1);
    let halves = [(0, i64::MAX), (i64::MIN, -1)];
    let halves = halves.map(|(first, last)| range(key::int_handle_range(t.info.id, first, last)));
    s.ask("dates", Question::new(plan, halves.to_vec(), t.types()[..1].to_vec())).await;
}

async fn a_common_handle(s: &mut Script) {
    let t = Table::of(s, "common").await;
    for column in [1, 0] {
        let scan = dag::table_scan(&t.info, t.info.id, vec![t.columns[column].clone()]);
        let plan = dag::plan(vec![scan], 1);
        let types = vec![t.types()[column].clone()];
        s.ask("common", Question::new(plan, t.all(), types)).await;
    }
}

async fn row_ids(s: &mut Script) {
    let t = Table::of(s, "texts").await;
    let columns = vec![t.columns[6].clone(), dag::row_id()];
    let types = columns.iter().map(dag::type_of).collect();
    let plan = dag::plan(vec![dag::table_scan(&t.info, t.info.id, columns)], 2);
    s.ask("texts", Question::new(plan, t.all(), types)).await;
}

/// The range of one row.
fn point(table: i64, handle: i64) -> KeyRange {
    let start = key::encode_record_key(table, &Handle::Int(handle));
    let end = key::prefix_next(&start);
    KeyRange { start, end }
}

async fn points_and_ranges(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let ranges = vec![
        point(t.info.id, -3),
        point(t.info.id, -2),
        range(key::int_handle_range(t.info.id, 0, 2)),
        point(t.info.id, 8),
    ];
    let plan = dag::plan(vec![t.scan()], 2);
    let types = t.types()[..2].to_vec();
    s.ask("forward", Question::new(plan, ranges.clone(), types.clone())).await;
    let plan = dag::plan(vec![desc(t.scan())], 2);
    s.ask("backwards", Question::new(plan, ranges, types)).await;
}

async fn an_empty_range(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let plan = dag::plan(vec![t.scan()], 2);
    let empty = vec![point(t.info.id, 4)];
    s.ask("a key that is not there", Question::new(plan, empty, t.types()[..2].to_vec())).await;
}

async fn partitions(s: &mut Script) {
    let t = Table::of(s, "parts").await;
    let partitions = &t.info.partition.as_ref().expect("partitions").definitions;
    for partition in partitions {
        let scan = dag::table_scan(&t.info, partition.id, t.columns.clone());
        let plan = dag::plan(vec![scan], 2);
        let ranges = vec![t.rows_of(partition.id)];
        s.ask(&format!("rows of {}", partition.name), Question::new(plan, ranges, t.types())).await;
        let (index, scan) = dag::index_scan(&t.info, "kv", partition.id);
        let plan = dag::plan(vec![scan], 2);
        let ranges = vec![range(key::index_range(partition.id, index))];
        let types = vec![t.types()[1].clone(), t.types()[0].clone()];
        s.ask(&format!("index of {}", partition.name), Question::new(plan, ranges, types)).await;
    }
}

async fn times_in_other_zones(s: &mut Script) {
    let t = Table::of(s, "dates").await;
    let zones = [("Europe/Berlin", 3600), ("America/New_York", -18000), ("", 19800), ("", -34200)];
    for (name, offset) in zones {
        let mut plan = dag::plan(vec![t.scan()], t.columns.len());
        plan.time_zone_name = Some(name.to_owned());
        plan.time_zone_offset = Some(offset);
        let question = Question::new(plan.clone(), t.all(), t.types());
        s.ask(&format!("datums {name} {offset}"), question).await;
        let question = Question::new(plan, t.all(), t.types()).in_chunks();
        s.ask(&format!("chunks {name} {offset}"), question).await;
    }
}

async fn a_column_that_rows_lack(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let mut with_default = t.columns[1].clone();
    with_default.column_id = Some(77);
    let mut default = Vec::new();
    tifusion_codec::datum::encode_value(&mut default, &Datum::Int(5)).expect("a datum");
    with_default.default_val = Some(default);
    let mut without = t.columns[1].clone();
    without.column_id = Some(78);
    without.flag = Some(0);
    let columns = vec![t.columns[0].clone(), with_default, without];
    let types = columns.iter().map(dag::type_of).collect();
    let plan = dag::plan(vec![dag::table_scan(&t.info, t.info.id, columns), dag::limit(2)], 3);
    s.ask("nums", Question::new(plan, t.all(), types)).await;
}

/// A scan of a whole index.
async fn index(s: &mut Script, table: &str, name: &str, backwards: bool) {
    let t = Table::of(s, table).await;
    let (id, scan) = dag::index_scan(&t.info, name, t.info.id);
    let columns = scan.idx_scan.as_ref().expect("an index scan").columns.clone();
    let types: Vec<_> = columns.iter().map(dag::type_of).collect();
    let scan = if backwards { desc(scan) } else { scan };
    let ranges = vec![range(key::index_range(t.info.id, id))];
    let plan = dag::plan(vec![scan], columns.len());
    s.ask(name, Question::new(plan.clone(), ranges.clone(), types.clone())).await;
    s.ask(&format!("{name} in chunks"), Question::new(plan, ranges, types).in_chunks()).await;
}

async fn an_index(s: &mut Script) {
    index(s, "nums", "ki", false).await;
    index(s, "nums", "kg", false).await;
}

async fn an_index_backwards(s: &mut Script) {
    index(s, "nums", "ki", true).await;
    index(s, "nums", "kg", true).await;
}

async fn a_unique_index(s: &mut Script) {
    index(s, "nums", "ku", false).await;
}

async fn an_index_of_text(s: &mut Script) {
    index(s, "texts", "ks", false).await;
    index(s, "texts", "kc", false).await;
    index(s, "texts", "kb", false).await;
}

async fn an_index_of_a_prefix(s: &mut Script) {
    index(s, "common", "kw", false).await;
}

async fn an_index_over_a_common_handle(s: &mut Script) {
    index(s, "common", "kv", false).await;
    index(s, "common", "uv", false).await;
}

async fn an_index_of_times(s: &mut Script) {
    for name in ["kd", "kts", "kt"] {
        index(s, "dates", name, false).await;
    }
}

async fn points_of_an_index(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let points = [
        ("ki", vec![Datum::Null, Datum::Int(7), Datum::Int(8)]),
        ("ku", vec![Datum::UInt(7), Datum::UInt(9), Datum::UInt(u64::MAX)]),
    ];
    for (name, values) in points {
        let (id, mut scan) = dag::index_scan(&t.info, name, t.info.id);
        let columns = scan.idx_scan.as_mut().expect("a scan");
        columns.unique = Some(name == "ku");
        let types: Vec<_> = columns.columns.iter().map(dag::type_of).collect();
        let range_of = |value| {
            let mut start = key::index_prefix(t.info.id, id);
            encode_key(&mut start, value).expect("a datum");
            let end = key::prefix_next(&start);
            KeyRange { start, end }
        };
        let ranges = values.iter().map(range_of).collect();
        let plan = dag::plan(vec![scan], types.len());
        s.ask(name, Question::new(plan, ranges, types)).await;
    }
}

/// A lock among rows of a table that nobody else reads.
async fn locked_rows(s: &mut Script) {
    let t = Table::of(s, "parts").await;
    // Rows of no table that TiDB has, behind all that are.
    let table = i64::MAX - i64::from(rand::random::<u32>());
    let row = |handle| key::encode_record_key(table, &Handle::Int(handle));
    let start = s.ts().await;
    let mutation = tifusion_proto::kvrpcpb::Mutation {
        key: row(1),
        value: vec![128, 0, 0, 0, 0, 0],
        ..tifusion_proto::kvrpcpb::Mutation::default()
    };
    let request = s.prewrite(start, vec![mutation]);
    s.side().raw.send(&row(1), request).await.expect("an answer");
    let columns = vec![t.columns[0].clone()];
    let plan = dag::plan(vec![dag::table_scan(&t.info, table, columns)], 1);
    let ranges = vec![t.rows_of(table)];
    let request = tifusion_proto::coprocessor::Request {
        tp: super::DAG,
        data: prost::Message::encode_to_vec(&plan).into(),
        ranges,
        start_ts: s.ts().await,
        ..tifusion_proto::coprocessor::Request::default()
    };
    let told = s.side().raw.send(&row(1), request).await.expect("an answer");
    let lock = told.locked.expect("a lock");
    assert_eq!((lock.lock_version, lock.key == row(1)), (start, true));
    let lock = tifusion_proto::kvrpcpb::LockInfo { key: vec![], primary_lock: vec![], ..lock };
    let lines = s.lines("kvrpcpb.LockInfo", &lock);
    s.note("the lock", lines);
    let request = s.rollback(start, &[]);
    let request = tifusion_proto::kvrpcpb::BatchRollbackRequest { keys: vec![row(1)], ..request };
    s.side().raw.send(&row(1), request).await.expect("an answer");
}
