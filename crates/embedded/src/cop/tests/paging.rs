//! Pages, summaries and the client's cache.

use tifusion_codec::field_type::tp;
use tifusion_proto::coprocessor::{KeyRange, Request};
use tifusion_proto::kvrpcpb;

use super::fake::*;

fn rows(count: i64) -> FakeRows {
    let mut rows = FakeRows::default();
    for handle in 1..=count {
        rows.put(handle, row_v2(&[(2, Some(vec![1]))]));
    }
    rows
}

fn scan_request(descending: bool) -> Request {
    let mut scan = table_scan(vec![handle_column(1), column_info(2, tp::LONG_LONG, 0)]);
    scan.tbl_scan.as_mut().unwrap().desc = Some(descending);
    request(&dag(vec![scan], 1), vec![whole_table()])
}

#[test]
fn pages_cover_the_ranges_without_gap_or_overlap() {
    for descending in [false, true] {
        let mut data = rows(300);
        let mut request = Request { paging_size: 40, ..scan_request(descending) };
        let (mut seen, mut pages) = (Vec::new(), 0);
        loop {
            let response = send(&mut data, &request);
            seen.extend(datums(&answer(&response), 1));
            pages += 1;
            let Some(page) = response.range else { break };
            let left = request.ranges[0].clone();
            let next = if descending {
                assert_eq!(page.end, left.end);
                KeyRange { start: left.start, end: page.start }
            } else {
                assert_eq!(page.start, left.start);
                KeyRange { start: page.end, end: left.end }
            };
            request.ranges = vec![next];
        }
        // 32 rows and then 64: a page ends with the batch that fills it.
        assert_eq!(pages, 4);
        assert_eq!(seen.len(), 300);
        let mut sorted = seen.clone();
        sorted.sort_by_key(|row| format!("{:?}", row[0]).len());
        sorted.dedup();
        assert_eq!(sorted.len(), 300);
    }
}

#[test]
fn limits_on_keys_and_bytes_end_a_page_too() {
    let keys = Request { max_keys_read: 10, ..scan_request(false) };
    let bytes = Request { paging_size_bytes: 100, ..scan_request(false) };
    for request in [keys, bytes] {
        let response = send(&mut rows(300), &request);
        assert_eq!(datums(&answer(&response), 1).len(), 32);
        assert!(response.range.is_some());
    }
}

#[test]
fn a_page_that_reads_everything_has_no_range() {
    let request = Request { paging_size: 1000, ..scan_request(false) };
    let response = send(&mut rows(5), &request);
    assert_eq!(response.range, None);
}

#[test]
fn summaries_count_rows_and_batches() {
    let mut scan = table_scan(vec![handle_column(1)]);
    scan.executor_id = Some("TableFullScan_3".to_owned());
    let mut plan = dag(vec![scan], 1);
    plan.collect_execution_summaries = Some(true);
    let answer = answer(&send(&mut rows(40), &request(&plan, vec![whole_table()])));
    let [summary] = answer.execution_summaries.as_slice() else { panic!("one executor") };
    assert_eq!(summary.num_produced_rows, Some(40));
    assert_eq!(summary.num_iterations, Some(2));
    assert!(summary.time_processed_ns.is_some());
}

#[test]
fn an_answer_of_an_unchanged_region_is_in_the_clients_cache() {
    let mut data = rows(5);
    let miss = Request { is_cache_enabled: true, cache_if_match_version: 2, ..scan_request(false) };
    let response = send(&mut data, &miss);
    assert!(response.can_be_cached && !response.is_cache_hit);
    assert_eq!(response.cache_last_version, 3);
    let hit = Request { cache_if_match_version: 3, ..miss };
    let response = send(&mut data, &hit);
    assert!(response.is_cache_hit);
    assert_eq!(response.cache_last_version, 3);
    assert!(response.data.is_empty());
}

#[test]
fn an_older_version_of_buckets_is_told_the_newer_one() {
    let context = kvrpcpb::Context { buckets_version: 4, ..kvrpcpb::Context::default() };
    let request = Request { context: Some(context), ..scan_request(false) };
    for (version, told) in [(4, 0), (5, 5)] {
        let context = crate::cop::CopContext {
            rows: &mut rows(1),
            region: Vec::new()..Vec::new(),
            data_version: None,
            buckets_version: version,
        };
        assert_eq!(crate::cop::run(&request, context).latest_buckets_version, told);
    }
}
