//! Days of the week and weeks of the year.

use tifusion_codec::time::CoreTime;

/// Days since 1970-01-01; a day that its month doesn't have counts on into the next one.
pub(super) fn days(time: CoreTime) -> i64 {
    let first = CoreTime { day: 1, ..time }.to_days().unwrap_or(0);
    i64::from(first) + i64::from(time.day) - 1
}

/// Monday is 0.
pub(super) fn weekday(time: CoreTime) -> i64 {
    (days(time) + 3).rem_euclid(7)
}

/// From 1.
pub(super) fn day_of_year(time: CoreTime) -> i64 {
    days(time) - days(first_day(time.year)) + 1
}

fn first_day(year: u16) -> CoreTime {
    CoreTime { year, month: 1, day: 1, ..CoreTime::default() }
}

/// Year and week by MySQL's modes 0 to 7: weeks begin on Monday (1), weeks before the first one are of
/// the year before (2), the first week is the first whole one or (4, turned around for Monday) the one
/// with most of its days in the year.
pub(super) fn week(time: CoreTime, mode: u8) -> (i64, i64) {
    let monday_first = mode & 1 != 0;
    let mut of_year = mode & 2 != 0;
    // Without Monday the third bit means the opposite.
    let whole_first = (mode & 4 != 0) == monday_first;
    let year_len = |year: i64| {
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        if is_leap { 366 } else { 365 }
    };
    let mut year = i64::from(time.year);
    let today = days(time);
    let mut first = days(first_day(time.year));
    let start = (first + if monday_first { 3 } else { 4 }).rem_euclid(7);
    let mut weekday = start;
    let starts_late =
        |weekday: i64| (whole_first && weekday != 0) || (!whole_first && weekday >= 4);
    if time.month == 1 && i64::from(time.day) <= 7 - weekday {
        if !of_year && starts_late(weekday) {
            return (year, 0);
        }
        of_year = true;
        year -= 1;
        first -= year_len(year);
        weekday = (weekday + 53 * 7 - year_len(year)) % 7;
    }
    let passed = if starts_late(weekday) {
        today - (first + 7 - weekday)
    } else {
        today - (first - weekday)
    };
    if of_year && passed >= 52 * 7 {
        let next = (weekday + year_len(year)) % 7;
        if !starts_late(next) && ((whole_first && next == 0) || (!whole_first && next < 4)) {
            return (year + 1, 1);
        }
    }
    (year, passed / 7 + 1)
}
