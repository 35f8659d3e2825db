//! `tifusion-codec`: the columnar decoders and the scalar formats.

use std::sync::{Arc, LazyLock};

use arrow_array::{Array, RecordBatch};
use arrow_buffer::i256;
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;
use tifusion_codec::chunk::ChunkDecoder;
use tifusion_codec::datum::{self, Datum};
use tifusion_codec::decimal::{CHUNK_LEN, Decimal, MAX_SCALE};
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::output::{DecodeOptions, OutputColumn, ZeroDate};
use tifusion_codec::rows::RowsDecoder;
use tifusion_codec::time::{CoreTime, TimeKind};
use tifusion_codec::{FieldType, duration, json, key, vector};

/// Bytes of Arrow memory that one byte of input may become: a NULL is one byte in a row and 32 bytes in
/// a `Decimal256`, and vectors that grow have up to twice the room they need.
const MEMORY_PER_BYTE: usize = 100;
/// Bytes of Arrow memory that any table may take.
const MEMORY_EXTRA: usize = 64 * 1024;

/// A field type, and an Arrow type it can become.
type Pair = (FieldType, DataType);

/// Every kind of column.
pub fn pairs() -> Vec<Pair> {
    let plain = |code| FieldType::new(code, 0);
    let unsigned = |code| FieldType::new(code, flag::UNSIGNED);
    let charset = |code, name: &str| FieldType { charset: name.to_owned(), ..plain(code) };
    let elems = ["a", "bb", "ccc"].map(str::to_owned).to_vec();
    let members = |code| FieldType { elems: elems.clone(), ..plain(code) };
    let micros =
        |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    let dictionary = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8));
    let list = DataType::List(Arc::new(Field::new("item", DataType::Float32, true)));
    vec![
        (plain(tp::TINY), DataType::Int8),
        (unsigned(tp::SHORT), DataType::UInt16),
        (plain(tp::LONG), DataType::Int32),
        (plain(tp::LONG_LONG), DataType::Int64),
        (unsigned(tp::LONG_LONG), DataType::UInt64),
        (unsigned(tp::LONG_LONG), DataType::Int64),
        (plain(tp::YEAR), DataType::UInt16),
        (plain(tp::FLOAT), DataType::Float32),
        (plain(tp::DOUBLE), DataType::Float64),
        (plain(tp::NEW_DECIMAL), DataType::Decimal128(15, 2)),
        (plain(tp::NEW_DECIMAL), DataType::Decimal128(38, 30)),
        (plain(tp::NEW_DECIMAL), DataType::Decimal256(65, 30)),
        (plain(tp::DATE), DataType::Date32),
        (plain(tp::DATETIME), micros(None)),
        (plain(tp::TIMESTAMP), micros(Some("UTC"))),
        (plain(tp::DURATION), DataType::Duration(TimeUnit::Microsecond)),
        (charset(tp::VARCHAR, "utf8mb4"), DataType::Utf8),
        (charset(tp::VARCHAR, "utf8mb4"), DataType::LargeUtf8),
        (charset(tp::VARCHAR, "latin1"), DataType::Utf8View),
        (charset(tp::BLOB, "binary"), DataType::Binary),
        (charset(tp::BLOB, "binary"), DataType::LargeBinary),
        (charset(tp::BLOB, "binary"), DataType::BinaryView),
        (plain(tp::BIT), DataType::UInt64),
        (members(tp::ENUM), dictionary),
        (members(tp::SET), DataType::Utf8),
        (plain(tp::JSON), DataType::Utf8),
        (plain(tp::TIDB_VECTOR_FLOAT32), list),
    ]
}

/// The decoders of a table whose columns are chosen by `choice`: one column for each of its low three
/// bytes (two, if the second is above 127 …), so that most inputs have few columns.
fn table(choice: [u8; 3]) -> Option<(ChunkDecoder, RowsDecoder)> {
    static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(pairs);
    let [first, more @ ..] = choice;
    let more = more.into_iter().take_while(|byte| *byte > 127);
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for byte in [first].into_iter().chain(more) {
        let (field_type, data_type) = PAIRS.iter().cycle().nth(usize::from(byte))?;
        let field = Field::new("c", data_type.clone(), true);
        columns.push(OutputColumn::new(field_type.clone(), &field));
        fields.push(field);
    }
    let zero_date = if first & 1 == 0 { ZeroDate::Null } else { ZeroDate::Error };
    let options = DecodeOptions { zero_date };
    let schema = Arc::new(Schema::new(fields));
    let chunks = ChunkDecoder::new(schema.clone(), columns.clone(), options.clone()).ok()?;
    Some((chunks, RowsDecoder::new(schema, columns, options).ok()?))
}

/// Checks that a batch is sound, and no larger than so many bytes of input allow.
fn check_batch(batch: &RecordBatch, input: usize) {
    for array in batch.columns() {
        assert_eq!(array.to_data().validate_full().map_err(|error| error.to_string()), Ok(()));
    }
    let memory: usize = batch.get_array_memory_size();
    let limit = MEMORY_EXTRA + MEMORY_PER_BYTE * input;
    assert!(memory <= limit, "{memory} bytes of arrays from {input} bytes");
}

/// A chunk: three bytes choose the columns, the rest are the chunk.
pub fn chunk(data: &[u8]) {
    let Some((choice, rest)) = data.split_first_chunk() else { return };
    let Some((chunks, _)) = table(*choice) else { return };
    if let Ok(batch) = chunks.decode(&Bytes::copy_from_slice(rest)) {
        check_batch(&batch, rest.len());
    }
}

/// Rows of datums: three bytes choose the columns, the rest are the rows.
pub fn rows(data: &[u8]) {
    let Some((choice, rest)) = data.split_first_chunk() else { return };
    let Some((_, rows)) = table(*choice) else { return };
    if let Ok(batch) = rows.decode(&Bytes::copy_from_slice(rest)) {
        check_batch(&batch, rest.len());
    }
}

/// Datums one after another.
pub fn datum(data: &[u8]) {
    let mut rest = data;
    while !rest.is_empty() {
        let (mut skipped, before) = (rest, rest.len());
        let bytes = datum::skip_one(&mut skipped);
        let Ok(value) = datum::decode_one(&mut rest) else { return };
        // What can be decoded can be skipped, and is as long.
        assert_eq!(bytes.map(<[u8]>::len), Ok(before - rest.len()));
        assert_eq!(skipped.len(), rest.len());
        check_datum(&value);
    }
}

fn check_datum(value: &Datum<'_>) {
    for encode in [datum::encode_key, datum::encode_value] {
        let mut bytes = Vec::new();
        if encode(&mut bytes, value).is_err() {
            continue;
        }
        let again = datum::decode_one(&mut bytes.as_slice());
        let same = match (value, &again) {
            // TiDB never stores a NaN, and its encoding doesn't keep one.
            (Datum::Float(value), Ok(Datum::Float(again))) => value.is_nan() || value == again,
            // Minus zero is written as zero.
            (Datum::Decimal(value), Ok(Datum::Decimal(again))) => {
                value == again || value.is_zero() && again.is_zero()
            }
            (value, again) => again.as_ref() == Ok(value),
        };
        assert!(same, "{value:?} came back as {again:?}");
    }
}

/// Keys of tables, indexes and metadata.
pub fn key(data: &[u8]) {
    let _ = key::display_key(data);
    if let Ok((table_id, handle)) = key::decode_record_key(data) {
        // A common handle that is too short is filled up with zeros.
        let again = key::encode_record_key(table_id, &handle);
        let filled = again.strip_prefix(data).unwrap_or(&[1]);
        assert!(filled.iter().all(|byte| *byte == 0), "{again:?} from {data:?}");
    }
    if let Ok((table_id, index_id, values)) = key::decode_index_key(data) {
        let mut again = key::index_prefix(table_id, index_id);
        again.extend_from_slice(values);
        assert_eq!(again, data);
    }
    let _ = key::decode_head(&mut { data });
    let _ = key::meta::decode(data);
    let _ = key::meta::decode_hash_field(data);
    let _ = key::meta::parse_table_field(data);
    let _ = key::meta::parse_database_field(data);
    // The empty key is the end of all regions and stands for itself.
    if let Ok(raw) = key::from_region_key(data)
        && !raw.is_empty()
    {
        assert_eq!(key::region_key(&raw), data);
    }
}

/// A decimal as text, as a datum's body and as a chunk's cell.
pub fn decimal(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data)
        && let Ok(value) = text.parse()
    {
        check_decimal(&value);
    }
    if let Ok(value) = Decimal::decode(&mut { data }) {
        check_decimal(&value);
    }
    if let Some((cell, _)) = data.split_first_chunk::<CHUNK_LEN>()
        && let Ok(value) = Decimal::from_chunk(cell)
    {
        check_decimal(&value);
    }
}

fn check_decimal(value: &Decimal) {
    let scale = value.scale();
    // Cells can have more digits after the point than text may have. Minus zero has no sign in text:
    // compare numbers, not forms.
    if scale <= MAX_SCALE {
        let again: Result<Decimal, _> = value.to_string().parse();
        assert_eq!(again.and_then(|again| again.to_i256(scale)).ok(), value.to_i256(scale).ok());
    }
    assert_eq!(Decimal::from_chunk(&value.to_chunk()).as_ref(), Ok(value));
    if let Ok(unscaled) = value.to_i128(scale) {
        assert_eq!(value.to_i256(scale), Ok(i256::from_i128(unscaled)));
    }
}

/// A time as core bits, as a packed integer and as text.
pub fn time(data: &[u8]) {
    for kind in [TimeKind::Date, TimeKind::DateTime, TimeKind::Timestamp] {
        if let Some(bytes) = data.first_chunk() {
            let bits = u64::from_be_bytes(*bytes);
            check_time(CoreTime::from_core_bits(bits), kind);
            check_time(CoreTime::from_packed(bits, kind, 6), kind);
        }
        if let Ok(text) = str::from_utf8(data)
            && let Ok(time) = CoreTime::parse(text, kind, 6)
        {
            check_time(time, kind);
        }
    }
}

fn check_time(time: CoreTime, kind: TimeKind) {
    let _ = time.to_string();
    let Ok(micros) = time.to_micros() else { return };
    assert_eq!(CoreTime::from_packed(time.to_packed(), kind, 6).to_micros(), Ok(micros));
    assert_eq!(CoreTime::from_core_bits(time.to_core_bits()).to_micros(), Ok(micros));
    let again = CoreTime::from_micros(micros, kind, 6)
        .and_then(|time| time.to_micros().map_err(|invalid| invalid.into_error(time)));
    assert_eq!(again, Ok(micros));
}

/// A JSON cell: type byte and body.
pub fn json(data: &[u8]) {
    let mut text = String::from("before");
    let written = json::write_cell_text(&mut text, data);
    assert!(text.starts_with("before"));
    assert!(written.is_ok() || text == "before");
    assert!(text.len() <= 128 + 8 * data.len(), "{} of {} bytes", text.len(), data.len());
    if let Ok((tp, body)) = json::take_value(&mut { data }) {
        assert_eq!(json::write_text(&mut String::new(), tp, body), written);
    }
}

/// A `TIME` as nanoseconds and as text.
pub fn duration(data: &[u8]) {
    if let Some(bytes) = data.first_chunk() {
        let nanos = i64::from_be_bytes(*bytes);
        for fsp in [0, 3, 6, 255] {
            let _ = duration::to_text(nanos, fsp);
        }
        let micros = duration::to_micros(nanos);
        assert!(duration::from_micros(micros).is_none_or(|again| again / 1000 == micros));
    }
    let (Some((fsp, _)), Ok(text)) = (data.split_first(), str::from_utf8(data)) else { return };
    if let Ok(nanos) = duration::parse(text, fsp % 8) {
        assert!((-duration::MAX_NANOS..=duration::MAX_NANOS).contains(&nanos));
        assert_eq!(duration::parse(&duration::to_text(nanos, 6), 6), Ok(nanos));
    }
}

/// A `VECTOR`.
pub fn vector(data: &[u8]) {
    let mut rest = data;
    let Ok(value) = vector::VectorRef::decode(&mut rest) else { return };
    let mut again = Vec::new();
    assert_eq!(vector::encode(&mut again, &value.to_vec()), Ok(()));
    // The bits of a NaN may change on the way through a float.
    let is_nan = value.iter().any(f32::is_nan);
    assert!(is_nan || data.starts_with(&again));
    assert_eq!(again.len() + rest.len(), data.len());
    assert_eq!(vector::VectorRef::from_cell(data).is_ok(), rest.is_empty());
}
