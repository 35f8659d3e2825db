//! Tests of times.

use chrono::{DateTime, Datelike, NaiveDate, Timelike};
use proptest::prelude::*;

use super::*;
use crate::test_vectors::rows;

fn kind(name: &str) -> TimeKind {
    [TimeKind::Date, TimeKind::DateTime, TimeKind::Timestamp]
        .into_iter()
        .find(|kind| kind.name() == name)
        .unwrap()
}

/// `2024-2-29-12-30-45-123456`.
fn fields(text: &str, kind: TimeKind, fsp: u8) -> CoreTime {
    let parts: Vec<u32> = text.split('-').map(|part| part.parse().unwrap()).collect();
    let small = |at: usize| u8::try_from(parts[at]).unwrap();
    CoreTime {
        year: u16::try_from(parts[0]).unwrap(),
        month: small(1),
        day: small(2),
        hour: small(3),
        minute: small(4),
        second: small(5),
        micro: parts[6],
        kind,
        fsp,
    }
}

#[test]
fn both_integer_forms_are_those_of_tidb() {
    for row in rows(include_str!("../../testdata/time.txt")) {
        let (kind, fsp) = (kind(row[0]), row[1].parse().unwrap());
        let time = fields(row[2], kind, fsp);
        let (bits, packed): (u64, u64) = (row[3].parse().unwrap(), row[4].parse().unwrap());
        assert_eq!(time.to_core_bits(), bits, "{row:?}");
        assert_eq!(CoreTime::from_core_bits(bits), time);
        assert_eq!(time.to_packed(), packed, "{row:?}");
        assert_eq!(CoreTime::from_packed(packed, kind, fsp), time);
        assert_eq!(time.to_string(), row[5]);
    }
}

#[test]
fn microseconds_and_days_are_those_of_the_calendar() {
    for row in rows(include_str!("../../testdata/time.txt")) {
        let (bits, packed): (u64, u64) = (row[3].parse().unwrap(), row[4].parse().unwrap());
        let wanted = row[6].parse::<i64>().map_err(|_| match row[6] {
            "Zero" => InvalidTime::Zero,
            "ZeroInDate" => InvalidTime::ZeroInDate,
            _ => InvalidTime::NoSuchDay,
        });
        assert_eq!(core_bits_to_micros(bits), wanted, "{row:?}");
        assert_eq!(packed_to_micros(packed), wanted, "{row:?}");
        let days = wanted.map(|micros| i32::try_from(micros.div_euclid(MICROS_PER_DAY)).unwrap());
        assert_eq!(core_bits_to_days(bits), days, "{row:?}");
        assert_eq!(packed_to_days(packed), days, "{row:?}");
        if let Ok(micros) = wanted {
            let time = CoreTime::from_core_bits(bits);
            assert_eq!(CoreTime::from_micros(micros, time.kind, time.fsp), Ok(time));
        }
    }
}

#[test]
fn every_day_equals_chronos() {
    let epoch = NaiveDate::default();
    let mut count = 0;
    for (first, last) in [(0, 401), (1800, 2200), (9900, 9999)] {
        let mut date = NaiveDate::from_ymd_opt(first, 1, 1).unwrap();
        while date.year() <= last {
            let time = CoreTime {
                year: u16::try_from(date.year()).unwrap(),
                month: u8::try_from(date.month()).unwrap(),
                day: u8::try_from(date.day()).unwrap(),
                ..CoreTime::default()
            };
            let days = date.signed_duration_since(epoch).num_days();
            assert_eq!(time.to_days().map(i64::from), Ok(days), "{date}");
            let micros = days * MICROS_PER_DAY;
            assert_eq!(CoreTime::from_micros(micros, TimeKind::DateTime, 0), Ok(time));
            date = date.succ_opt().unwrap();
            count += 1;
        }
    }
    assert_eq!(count, (402 + 401 + 100) * 365 + 98 + 97 + 24);
}

#[test]
fn a_day_no_month_has_is_named() {
    let year_days = |year: u16| {
        (1..=12_u8)
            .flat_map(|month| (1..=31_u8).map(move |day| (month, day)))
            .map(|(month, day)| CoreTime { year, month, day, ..CoreTime::default() }.to_days())
            .filter(|days| *days != Err(InvalidTime::NoSuchDay))
            .map(|days| days.unwrap())
            .collect::<Vec<_>>()
    };
    for (year, days) in [(2023, 365), (2024, 366), (1900, 365), (2000, 366), (0, 366), (9999, 365)]
    {
        let all = year_days(year);
        assert_eq!(all.len(), days, "{year}");
        assert!(all.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{year}");
    }
}

#[test]
fn fields_out_of_range_are_refused() {
    let good = CoreTime { year: 2024, month: 1, day: 1, ..CoreTime::default() };
    assert!(good.to_micros().is_ok());
    for bad in [
        CoreTime { year: 10_000, ..good },
        CoreTime { year: 16_383, ..good },
        CoreTime { month: 13, ..good },
        CoreTime { day: 32, ..good },
        CoreTime { hour: 24, ..good },
        CoreTime { minute: 60, ..good },
        CoreTime { second: 60, ..good },
        CoreTime { micro: 1_000_000, ..good },
        CoreTime { year: u16::MAX, month: u8::MAX, day: u8::MAX, ..good },
    ] {
        assert_eq!(bad.to_micros(), Err(InvalidTime::OutOfRange), "{bad:?}");
    }
}

#[test]
fn an_invalid_time_becomes_an_error_that_shows_it() {
    let time = CoreTime { year: 2024, month: 2, day: 31, fsp: 3, ..CoreTime::default() };
    assert_eq!(
        time.to_micros().unwrap_err().into_error(time).to_string(),
        "DATETIME: 2024-02-31 00:00:00.000 (a day its month does not have) does not fit the calendar"
    );
    let zero = CoreTime { kind: TimeKind::Date, ..CoreTime::default() };
    assert!(zero.is_zero());
    assert_eq!(
        zero.to_days().unwrap_err().into_error(zero).to_string(),
        "DATE: 0000-00-00 (the zero date) does not fit the calendar"
    );
}

#[test]
fn micros_outside_the_calendar_are_refused() {
    let least = core_bits_to_micros(fields("0-1-1-0-0-0-0", TimeKind::DateTime, 0).to_core_bits());
    let most = fields("9999-12-31-23-59-59-999999", TimeKind::DateTime, 6).to_micros();
    let from = |micros| CoreTime::from_micros(micros, TimeKind::DateTime, 6);
    let (least, most) = (least.unwrap(), most.unwrap());
    assert!(from(least).is_ok() && from(most).is_ok());
    for micros in [least - 1, most + 1, i64::MIN, i64::MAX] {
        assert!(matches!(from(micros), Err(Error::OutOfRange { .. })), "{micros}");
    }
}

#[test]
fn literals_are_read_as_in_tidb() {
    for row in rows(include_str!("../../testdata/time_literal.txt")) {
        let time = CoreTime::parse(row[2], kind(row[0]), row[1].parse().unwrap());
        assert_eq!(time.unwrap().to_string(), row[3], "{row:?}");
    }
}

#[test]
fn text_that_is_no_time_is_refused() {
    for text in [
        "",
        " ",
        "2024",
        "2024-01",
        "2024-01-02-03",
        "2024-13-01",
        "2024-01-32",
        "10000-01-01",
        "2024-01-02 ",
        "2024-01-02 03",
        "2024-01-02 24:00:00",
        "2024-01-02 00:60:00",
        "2024-01-02 00:00:60",
        "2024-01-02 00:00:00.x",
        "2024-01-02 00:00:00 ",
        "x-1-1",
        "-1-1-1",
        "2024-01-02 00:00:00+01:00",
        "２０２４-01-02",
        "2024-01-02é00:00:00",
    ] {
        let parsed = CoreTime::parse(text, TimeKind::DateTime, 6);
        // Blanks at the ends don't count.
        if text.trim() == text {
            assert!(matches!(parsed, Err(Error::Malformed { .. })), "{text:?}: {parsed:?}");
        }
    }
    let last = CoreTime::parse("9999-12-31 23:59:59.9999999", TimeKind::DateTime, 6);
    assert!(matches!(last, Err(Error::OutOfRange { .. })), "{last:?}");
    let rounded = CoreTime::parse("2024-02-31 23:59:59.5", TimeKind::DateTime, 0);
    assert!(matches!(rounded, Err(Error::OutOfRange { .. })), "{rounded:?}");
    let rounded = CoreTime::parse("2024-02-31 22:59:59.5", TimeKind::DateTime, 0).unwrap();
    assert_eq!(rounded.to_string(), "2024-02-31 23:00:00");
}

#[test]
fn a_time_changes_its_kind() {
    let time = fields("2024-2-29-12-30-45-123456", TimeKind::DateTime, 6);
    assert_eq!(time.with_kind(TimeKind::Date).unwrap().to_string(), "2024-02-29");
    assert_eq!(time.with_kind(TimeKind::Timestamp).unwrap().kind, TimeKind::Timestamp);
    let never = fields("2024-2-31-0-0-0-0", TimeKind::DateTime, 0);
    assert_eq!(never.with_kind(TimeKind::Timestamp), Err(InvalidTime::NoSuchDay));
    assert!(CoreTime::default().with_kind(TimeKind::Timestamp).unwrap().is_zero());
}

#[test]
fn wall_times_become_points_in_time_as_in_tidb() {
    let mut errors = 0;
    for row in rows(include_str!("../../testdata/zone.txt")) {
        let zone: Zone = row[0].parse().unwrap();
        let time = CoreTime::parse(row[1], TimeKind::Timestamp, 6).unwrap();
        let utc = time.to_utc_micros(zone);
        match row[2].parse::<i64>() {
            Ok(wanted) => assert_eq!(utc, Ok(wanted), "{row:?}"),
            Err(_) => {
                errors += 1;
                assert!(matches!(utc, Err(Error::OutOfRange { .. })), "{row:?}: {utc:?}");
            }
        }
    }
    assert_eq!(errors, 1, "the day that Samoa skipped");
}

#[test]
fn zones_are_parsed() {
    let parse = |text: &str| text.parse::<Zone>();
    assert_eq!(parse("UTC"), Ok(Zone::Utc));
    assert_eq!(parse("utc"), Ok(Zone::Utc));
    assert_eq!(parse("+00:00"), Ok(Zone::Utc));
    assert_eq!(parse("+05:45"), Ok(Zone::Fixed(20_700)));
    assert_eq!(parse("-3:30"), Ok(Zone::Fixed(-12_600)));
    assert_eq!(parse("+14:00"), Ok(Zone::Fixed(50_400)));
    assert_eq!(parse("-13:59"), Ok(Zone::Fixed(-50_340)));
    assert_eq!(parse("Asia/Kathmandu"), Ok(Zone::Named(chrono_tz::Asia::Kathmandu)));
    assert_eq!(parse("asia/kathmandu"), Ok(Zone::Named(chrono_tz::Asia::Kathmandu)));
    for text in [
        "",
        "SYSTEM",
        "+14:01",
        "-14:00",
        "+1",
        "+1:2",
        "+100:00",
        "5:00",
        "+05:60",
        "+:00",
        "Mars/Base",
        "+0530",
    ] {
        assert!(matches!(parse(text), Err(Error::Malformed { .. })), "{text:?}");
    }
    for text in ["UTC", "+05:45", "-03:30", "-00:30", "Europe/Berlin"] {
        assert_eq!(parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn a_fixed_zone_shifts_by_its_offset() {
    let zone = Zone::Fixed(20_700);
    assert_eq!(zone.wall_to_utc_micros(20_700_000_001), Ok(1));
    assert_eq!(zone.utc_to_wall_micros(1), 20_700_000_001);
    assert!(Zone::Fixed(60).wall_to_utc_micros(i64::MIN).is_err());
    assert_eq!(Zone::Utc.wall_to_utc_micros(i64::MIN), Ok(i64::MIN));
}

prop_compose! {
    fn any_time()(
        year in 0..=9999_u16, month in 0..=12_u8, day in 0..=31_u8, hour in 0..24_u8,
        minute in 0..60_u8, second in 0..60_u8, micro in 0..1_000_000_u32, fsp in 0..=6_u8,
        timestamp: bool,
    ) -> CoreTime {
        let kind = if timestamp { TimeKind::Timestamp } else { TimeKind::DateTime };
        CoreTime { year, month, day, hour, minute, second, micro, kind, fsp }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_time_comes_back_from_both_forms(time in any_time(), other in any_time()) {
        prop_assert_eq!(CoreTime::from_core_bits(time.to_core_bits()), time);
        prop_assert_eq!(CoreTime::from_packed(time.to_packed(), time.kind, time.fsp), time);
        let key = |t: CoreTime| (t.year, t.month, t.day, t.hour, t.minute, t.second, t.micro);
        prop_assert_eq!(time.to_packed().cmp(&other.to_packed()), key(time).cmp(&key(other)));
        let whole = CoreTime { fsp: 6, ..time };
        prop_assert_eq!(CoreTime::parse(&whole.to_string(), time.kind, 6), Ok(whole));
    }

    #[test]
    fn micros_equal_chronos(micros in -62_167_219_200_000_000_i64..253_402_300_800_000_000) {
        let time = CoreTime::from_micros(micros, TimeKind::DateTime, 6).unwrap();
        prop_assert_eq!(time.to_micros(), Ok(micros));
        let chrono = DateTime::from_timestamp_micros(micros).unwrap();
        prop_assert_eq!(time.to_string(), chrono.format("%Y-%m-%d %H:%M:%S%.6f").to_string());
        prop_assert_eq!(u32::from(time.hour), chrono.hour());
    }

    #[test]
    fn any_bits_are_read_without_panic(bits: u64, shift in 0_u32..64) {
        let bits = bits >> shift;
        let time = CoreTime::from_core_bits(bits);
        prop_assert_eq!(core_bits_to_micros(bits), time.to_micros());
        if let Ok(micros) = time.to_micros() {
            prop_assert_eq!(CoreTime::from_micros(micros, time.kind, time.fsp), Ok(time));
        }
        let packed = CoreTime::from_packed(bits, TimeKind::Timestamp, 6);
        prop_assert_eq!(packed_to_micros(bits), packed.to_micros());
        if packed.to_micros().is_ok() {
            prop_assert_eq!(packed.to_packed(), bits);
        }
        prop_assert!(time.to_string().len() <= 28 && packed.to_string().len() <= 32);
    }

    #[test]
    fn any_point_in_time_comes_back_from_its_wall_time(
        seconds in -2_000_000_000_i64..4_000_000_000, zone in prop::sample::select(&chrono_tz::TZ_VARIANTS[..]),
    ) {
        let zone = Zone::Named(zone);
        let wall = zone.utc_to_wall_micros(seconds * MICROS_PER_SECOND);
        let utc = zone.wall_to_utc_micros(wall).unwrap();
        // In an hour that repeats, the other one of two points may come back.
        prop_assert_eq!(zone.utc_to_wall_micros(utc), wall);
    }

    #[test]
    fn any_text_is_parsed_without_panic(text in "[-0-9:. T]{0,30}|.{0,20}", fsp: u8, wall: i64) {
        let _ = CoreTime::parse(&text, TimeKind::DateTime, fsp);
        let zone = text.parse::<Zone>().unwrap_or(Zone::Named(chrono_tz::Europe::Berlin));
        let _ = zone.wall_to_utc_micros(wall);
        let _ = zone.utc_to_wall_micros(wall);
    }
}
