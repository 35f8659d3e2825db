//! `DATE`, `DATETIME`, `TIMESTAMP` and `TIME`.

use arrow_array::{Date32Array, DurationMicrosecondArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, TimeUnit};
use chrono::NaiveDate;
use tifusion_codec::field_type::tp;
use tifusion_codec::{Error, Result};

use crate::check::{Column, field_type};
use crate::writer::Cell::{self, Duration, Null, Time};
use crate::writer::{Form, Wall, core_bits};

const ZERO: Wall = [0; 7];
const NO_MONTH: Wall = [2024, 0, 10, 1, 2, 3, 4];
const NO_DAY: Wall = [2024, 2, 0, 0, 0, 0, 0];
const NO_SUCH_DAY: Wall = [2024, 2, 31, 0, 0, 0, 0];
const NO_LEAP_DAY: Wall = [1900, 2, 29, 0, 0, 0, 0];

fn date() -> Column {
    Column::new(field_type(tp::DATE, 0), DataType::Date32)
}

fn datetime() -> Column {
    let data_type = DataType::Timestamp(TimeUnit::Microsecond, None);
    Column::new(field_type(tp::DATETIME, 0), data_type)
}

fn timestamp(zone: &str) -> Column {
    let data_type = DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()));
    Column::new(field_type(tp::TIMESTAMP, 0), data_type)
}

fn time() -> Column {
    Column::new(field_type(tp::DURATION, 0), DataType::Duration(TimeUnit::Microsecond))
}

/// Days and microseconds since the epoch, by chrono.
fn epoch([year, month, day, hour, minute, second, micro]: Wall) -> (i32, i64) {
    let date = NaiveDate::from_ymd_opt(year as i32, month as u32, day as u32).unwrap();
    let time = date.and_hms_micro_opt(hour as u32, minute as u32, second as u32, micro as u32);
    let days = date.signed_duration_since(NaiveDate::from_ymd_opt(1970, 1, 1).unwrap());
    (days.num_days() as i32, time.unwrap().and_utc().timestamp_micros())
}

fn walls() -> Vec<Wall> {
    vec![
        [1970, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0],
        [0, 1, 1, 0, 0, 0, 0],
        [0, 2, 29, 23, 0, 0, 0],
        [1969, 12, 31, 23, 59, 59, 999_999],
        [2000, 2, 29, 12, 34, 56, 789_012],
        [2024, 2, 29, 1, 0, 0, 1],
        [2023, 3, 1, 0, 0, 0, 0],
        [2038, 1, 19, 3, 14, 7, 999_999],
        [9999, 12, 31, 23, 59, 59, 999_999],
    ]
}

#[test]
fn dates() {
    let midnight = |wall: Wall| [wall[0], wall[1], wall[2], 0, 0, 0, 0];
    let mut cells: Vec<_> = walls().into_iter().map(|wall| Time(midnight(wall))).collect();
    let mut expected: Vec<_> = walls().into_iter().map(|wall| Some(epoch(wall).0)).collect();
    cells.insert(1, Null);
    expected.insert(1, None);
    date().check(&cells, Date32Array::from(expected.clone()));
    date().check(&[], Date32Array::from(Vec::<i32>::new()));
    date().zero_dates_fail().check(&cells, Date32Array::from(expected));
}

#[test]
fn every_day_of_four_centuries() {
    let start = NaiveDate::from_ymd_opt(1800, 1, 1).unwrap();
    let days: Vec<_> = start.iter_days().take(400 * 366).collect();
    let wall = |date: &NaiveDate| {
        use chrono::Datelike;
        [date.year() as u64, date.month().into(), date.day().into(), 0, 0, 0, 0]
    };
    let cells: Vec<_> = days.iter().map(|date| Time(wall(date))).collect();
    let first = epoch(wall(&start)).0;
    let expected = Date32Array::from_iter_values((first..).take(days.len()));
    assert_eq!(date().decode_chunk(&cells).unwrap().as_ref(), &expected);
    assert_eq!(date().decode_rows(&cells, Form::Compact).unwrap().as_ref(), &expected);
}

#[test]
fn datetimes() {
    let mut cells: Vec<_> = walls().into_iter().map(Time).collect();
    let mut expected: Vec<_> = walls().into_iter().map(|wall| Some(epoch(wall).1)).collect();
    cells.push(Null);
    expected.push(None);
    datetime().check(&cells, TimestampMicrosecondArray::from(expected.clone()));
    datetime()
        .not_null()
        .check(&cells[..8], TimestampMicrosecondArray::from(expected[..8].to_vec()));
}

#[test]
fn a_timestamp_is_utc_whatever_the_zone_of_the_array() {
    for zone in ["UTC", "+00:00", "Asia/Shanghai", "America/New_York"] {
        let cells: Vec<_> = walls().into_iter().map(Time).collect();
        let expected: Vec<_> = walls().into_iter().map(|wall| epoch(wall).1).collect();
        let expected = TimestampMicrosecondArray::from(expected).with_timezone(zone);
        timestamp(zone).check(&cells, expected);
    }
}

#[test]
fn the_kind_and_fraction_bits_of_a_chunk_s_time_don_t_matter() {
    let wall = [2024, 5, 6, 7, 8, 9, 123_456];
    for bits in 0..16 {
        let mut data = crate::writer::chunk(&[(tp::DATETIME, vec![Time(wall)])]);
        let end = data.len() - 8;
        data[end..].copy_from_slice(&(core_bits(wall) | bits).to_le_bytes());
        let batch = datetime().chunks().unwrap().decode(&data.into()).unwrap();
        assert_eq!(batch.column(0).as_ref(), &TimestampMicrosecondArray::from(vec![epoch(wall).1]));
    }
}

#[test]
fn dates_that_no_calendar_has_become_null() {
    let walls = [ZERO, NO_MONTH, NO_DAY, NO_SUCH_DAY, NO_LEAP_DAY];
    let mut cells = vec![Time([2024, 2, 29, 0, 0, 0, 0]), Null];
    cells.extend(walls.map(Time));
    cells.push(Time([1970, 1, 2, 0, 0, 0, 0]));
    let days = epoch([2024, 2, 29, 0, 0, 0, 0]).0;
    let expected = [Some(days), None, None, None, None, None, None, Some(1)];
    date().check(&cells, Date32Array::from(expected.to_vec()));
    let micros = |days: i32| i64::from(days) * 86_400_000_000;
    let expected: Vec<_> = expected.into_iter().map(|days| days.map(micros)).collect();
    datetime().check(&cells, TimestampMicrosecondArray::from(expected.clone()));
    let expected = TimestampMicrosecondArray::from(expected).with_timezone("UTC");
    timestamp("UTC").check(&cells, expected);
}

#[test]
fn a_zero_date_becomes_null_without_any_other_null() {
    let cells = [Time([1970, 1, 1, 0, 0, 0, 0]), Time(ZERO)];
    date().check(&cells, Date32Array::from(vec![Some(0), None]));
}

fn row_of(result: Result<arrow_array::ArrayRef>) -> usize {
    match result.unwrap_err() {
        Error::Column { column: 0, row, .. } => row,
        other => panic!("{other:?}"),
    }
}

#[test]
fn dates_that_no_calendar_has_are_refused_when_asked() {
    for wall in [ZERO, NO_MONTH, NO_DAY, NO_SUCH_DAY, NO_LEAP_DAY] {
        for column in [date(), datetime(), timestamp("UTC")].map(Column::zero_dates_fail) {
            let cells = [Null, Time([2024, 1, 1, 0, 0, 0, 0]), Time(wall)];
            assert_eq!(row_of(column.decode_chunk(&cells)), 2);
            assert_eq!(row_of(column.decode_rows(&cells, Form::Compact)), 2);
        }
    }
}

#[test]
fn a_zero_date_in_a_not_null_column_is_refused() {
    let cells = [Time([2024, 1, 1, 0, 0, 0, 0]), Time(ZERO)];
    date().not_null().refuses(&cells, 1, "column: NULL in a NOT NULL column");
}

#[test]
fn a_field_beyond_its_range_is_corruption_not_a_zero_date() {
    let beyond: [Wall; 5] = [
        [2024, 1, 1, 24, 0, 0, 0],
        [2024, 1, 1, 0, 60, 0, 0],
        [2024, 1, 1, 0, 0, 60, 0],
        [2024, 1, 1, 0, 0, 0, 1_000_000],
        [10000, 1, 1, 0, 0, 0, 0],
    ];
    for wall in beyond {
        let cells = [Time(wall)];
        assert_eq!(row_of(datetime().decode_chunk(&cells)), 0, "{wall:?}");
        assert_eq!(row_of(datetime().decode_rows(&cells, Form::Compact)), 0, "{wall:?}");
    }
    let month_13 = [Time([2024, 13, 1, 0, 0, 0, 0])];
    assert_eq!(row_of(datetime().decode_chunk(&month_13)), 0);
}

#[test]
fn times() {
    const SECOND: i64 = 1_000_000_000;
    let max = (838 * 3600 + 59 * 60 + 59) * SECOND;
    let nanos = [0, 1000, -1000, SECOND, -SECOND, max, -max, 3_723_123_456_000];
    let mut cells: Vec<_> = nanos.into_iter().map(Duration).collect();
    let mut expected: Vec<_> = nanos.into_iter().map(|nanos| Some(nanos / 1000)).collect();
    cells.push(Null);
    expected.push(None);
    time().check(&cells, DurationMicrosecondArray::from(expected));
    time().check(&[], DurationMicrosecondArray::from(Vec::<i64>::new()));
}

#[test]
fn a_time_beyond_its_range_is_refused() {
    for nanos in [3_020_399_000_000_001, -3_020_399_000_000_001, i64::MAX, i64::MIN] {
        let cells: Vec<Cell> = vec![Null, Duration(0), Duration(nanos)];
        let message = format!("TIME: {nanos} ns does not fit -838:59:59 to 838:59:59");
        time().refuses(&cells, 2, &message);
    }
}
