//! The messages against bytes written by hand: what is skipped, what is shared, what is sent.

use bytes::Bytes;
use prost::Message;
use tifusion_proto::{coprocessor, kvrpcpb, metapb, pdpb, tipb};

/// Whether `part` lies in the memory of `whole`.
fn lies_within(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    whole.start <= part.start && part.end <= whole.end
}

#[test]
fn fields_of_a_newer_server_are_skipped() {
    // data = "ab", 10 (reserved) = varint 7, 12 = varint 300, 999 = three bytes, 1000 = fixed64.
    let wire =
        b"\x0a\x02ab\x50\x07\x60\xac\x02\xba\x3e\x03xyz\xc1\x3e\x01\x02\x03\x04\x05\x06\x07\x08";
    let response = coprocessor::Response::decode(wire.as_slice()).unwrap();
    let expected = coprocessor::Response {
        data: Bytes::from_static(b"ab"),
        latest_buckets_version: 300,
        ..Default::default()
    };
    assert_eq!(response, expected);
}

#[test]
fn fields_that_the_subset_leaves_out_are_skipped() {
    // A region with id 2, an encryption_meta (6, left out) of two bytes, and is_in_flashback.
    let region = metapb::Region::decode(b"\x08\x02\x32\x02\x08\x01\x38\x01".as_slice()).unwrap();
    let expected = metapb::Region { id: 2, is_in_flashback: true, ..Default::default() };
    assert_eq!(region, expected);
}

#[test]
fn truncated_and_lying_lengths_are_errors() {
    for wire in [
        b"\x0a\x05ab".as_slice(),
        b"\x0a\xff\xff\xff\xff\x0f".as_slice(),
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".as_slice(),
        b"\x60".as_slice(),
        b"\x08\x01".as_slice(),
    ] {
        assert!(coprocessor::Response::decode(wire).is_err(), "{wire:?}");
    }
}

#[test]
fn an_empty_plan_has_no_bytes_and_the_defaults_of_proto2() {
    let plan = tipb::DagRequest::default();
    assert!(plan.encode_to_vec().is_empty());
    assert_eq!(plan.encode_type, None);
    assert_eq!(plan.encode_type(), tipb::EncodeType::TypeDefault);
    assert_eq!(plan.flags(), 0);
    assert_eq!(plan.time_zone_name(), "");
    assert_eq!(plan.div_precision_increment, None);
}

#[test]
fn a_set_field_of_a_plan_is_sent_even_if_it_is_the_default() {
    let plan = tipb::DagRequest {
        start_ts_fallback: Some(0),
        time_zone_offset: Some(-1),
        flags: Some(226),
        encode_type: Some(tipb::EncodeType::TypeChunk.into()),
        time_zone_name: Some("UTC".to_owned()),
        collect_execution_summaries: Some(false),
        ..Default::default()
    };
    let wire =
        b"\x08\x00\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x20\xe2\x01\x40\x01\x5a\x03UTC\x60\x00";
    assert_eq!(plan.encode_to_vec(), wire);
    assert_eq!(tipb::DagRequest::decode(wire.as_slice()).unwrap(), plan);
}

#[test]
fn repeated_numbers_of_a_plan_are_sent_one_by_one_and_read_either_way() {
    let plan = tipb::DagRequest { output_offsets: vec![0, 1], ..Default::default() };
    assert_eq!(plan.encode_to_vec(), b"\x28\x00\x28\x01");
    assert_eq!(tipb::DagRequest::decode(b"\x2a\x02\x00\x01".as_slice()).unwrap(), plan);
}

#[test]
fn a_table_scan_is_laid_out_as_tikv_reads_it() {
    let column = tipb::ColumnInfo {
        column_id: Some(1),
        tp: Some(8),
        pk_handle: Some(true),
        ..Default::default()
    };
    let executor = tipb::Executor {
        tp: Some(tipb::ExecType::TypeTableScan.into()),
        tbl_scan: Some(tipb::TableScan {
            table_id: Some(44),
            columns: vec![column],
            ..Default::default()
        }),
        ..Default::default()
    };
    let wire = b"\x08\x00\x12\x0b\x08\x2c\x12\x07\x08\x01\x10\x08\xa8\x01\x01";
    assert_eq!(executor.encode_to_vec(), wire);
    assert_eq!(tipb::Executor::decode(wire.as_slice()).unwrap(), executor);
}

#[test]
fn an_unknown_enum_value_is_kept_as_a_number() {
    let mutation = kvrpcpb::Mutation::decode(b"\x08\x63".as_slice()).unwrap();
    assert_eq!(mutation.op, 99);
    assert!(kvrpcpb::Op::try_from(mutation.op).is_err());

    let expr = tipb::Expr::decode(b"\x08\x90\x4e\x20\xe4\x00".as_slice()).unwrap();
    assert_eq!(expr.tp(), tipb::ExprType::ScalarFunc);
    assert_eq!(expr.sig(), tipb::ScalarFuncSig::LtInt);
    let expr = tipb::Expr::decode(b"\x20\xff\xff\x03".as_slice()).unwrap();
    assert_eq!(expr.sig, Some(65535));
    assert_eq!(expr.sig(), tipb::ScalarFuncSig::Unspecified);
}

#[test]
fn the_data_of_a_response_shares_the_buffer_down_to_the_rows() {
    let select = tipb::SelectResponse {
        chunks: vec![
            tipb::Chunk { rows_data: Some(Bytes::from(vec![7; 4096])), rows_meta: Vec::new() },
            tipb::Chunk { rows_data: Some(Bytes::from(vec![8; 10])), rows_meta: Vec::new() },
        ],
        ..Default::default()
    };
    let response =
        coprocessor::Response { data: select.encode_to_vec().into(), ..Default::default() };
    let wire = Bytes::from(response.encode_to_vec());

    let response = coprocessor::Response::decode(wire.clone()).unwrap();
    assert!(lies_within(&response.data, &wire));
    let decoded = tipb::SelectResponse::decode(response.data).unwrap();
    assert_eq!(decoded, select);
    for chunk in &decoded.chunks {
        assert!(lies_within(chunk.rows_data.as_ref().unwrap(), &wire));
    }
}

#[test]
fn values_share_the_buffer_and_keys_do_not() {
    let pair = kvrpcpb::KvPair {
        key: b"key".to_vec(),
        value: Bytes::from(vec![1; 100]),
        ..Default::default()
    };
    let scan = kvrpcpb::ScanResponse { pairs: vec![pair], ..Default::default() };
    let wire = Bytes::from(scan.encode_to_vec());
    let scan = kvrpcpb::ScanResponse::decode(wire.clone()).unwrap();
    assert!(lies_within(&scan.pairs[0].value, &wire));
    assert!(!lies_within(&scan.pairs[0].key, &wire));

    let get = kvrpcpb::GetResponse { value: Bytes::from(vec![1; 100]), ..Default::default() };
    let wire = Bytes::from(get.encode_to_vec());
    let get = kvrpcpb::GetResponse::decode(wire.clone()).unwrap();
    assert!(lies_within(&get.value, &wire));
}

#[test]
fn absent_and_empty_messages_differ() {
    // Global barriers: absent means "not asked or not known", empty means "there are none".
    let absent = pdpb::GetGcStateResponse::decode(b"".as_slice()).unwrap();
    assert_eq!(absent.global_gc_barriers, None);
    let empty = pdpb::GetGcStateResponse::decode(b"\x1a\x00".as_slice()).unwrap();
    assert_eq!(empty.global_gc_barriers, Some(pdpb::GlobalGcBarriersInfo::default()));
}

#[test]
fn the_keyspace_of_a_context_is_one_of_two() {
    use kvrpcpb::context::Keyspace;
    let context = kvrpcpb::Context::decode(b"\x80\x02\x05".as_slice()).unwrap();
    assert_eq!(context.keyspace, Some(Keyspace::KeyspaceId(5)));
    assert_eq!(kvrpcpb::Context::default().keyspace, None);
}
