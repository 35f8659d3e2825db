//! `DATE_FORMAT`.

use std::fmt::Write;

use tifusion_codec::time::CoreTime;

use super::week::{day_of_year, week, weekday};

pub(super) const MONTH_NAMES: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAY_NAMES: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The time in the form of a text with `%` before each part's letter.
pub(super) fn format_time(time: CoreTime, format: &str) -> String {
    let mut out = String::with_capacity(format.len() * 2);
    let mut rest = format.chars();
    while let Some(character) = rest.next() {
        match character {
            '%' => match rest.next() {
                Some(letter) => push(&mut out, time, letter),
                None => out.push('%'),
            },
            other => out.push(other),
        }
    }
    out
}

fn push(out: &mut String, time: CoreTime, letter: char) {
    let twelve = (time.hour + 11) % 12 + 1;
    let half = if time.hour < 12 { "AM" } else { "PM" };
    let (minute, second) = (time.minute, time.second);
    // Writing to a string can't fail.
    let _ = match letter {
        'a' => write!(out, "{}", abbreviated(day_name(time))),
        'b' => write!(out, "{}", abbreviated(month_name(time))),
        'c' => write!(out, "{}", time.month),
        'D' => write!(out, "{}{}", time.day, ordinal(time.day)),
        'd' => write!(out, "{:02}", time.day),
        'e' => write!(out, "{}", time.day),
        'f' => write!(out, "{:06}", time.micro),
        'H' => write!(out, "{:02}", time.hour),
        'h' | 'I' => write!(out, "{twelve:02}"),
        'i' => write!(out, "{minute:02}"),
        'j' => write!(out, "{:03}", day_of_year(time)),
        'k' => write!(out, "{}", time.hour),
        'l' => write!(out, "{twelve}"),
        'M' => write!(out, "{}", month_name(time)),
        'm' => write!(out, "{:02}", time.month),
        'p' => write!(out, "{half}"),
        'r' => write!(out, "{twelve:02}:{minute:02}:{second:02} {half}"),
        'S' | 's' => write!(out, "{second:02}"),
        'T' => write!(out, "{:02}:{minute:02}:{second:02}", time.hour),
        'U' => write!(out, "{:02}", week(time, 0).1),
        'u' => write!(out, "{:02}", week(time, 1).1),
        'V' => write!(out, "{:02}", week(time, 2).1),
        'v' => write!(out, "{:02}", week(time, 3).1),
        'W' => write!(out, "{}", day_name(time)),
        'w' => write!(out, "{}", (weekday(time) + 1) % 7),
        'X' => write!(out, "{:04}", week(time, 2).0),
        'x' => write!(out, "{:04}", week(time, 3).0),
        'Y' => write!(out, "{:04}", time.year),
        'y' => write!(out, "{:02}", time.year % 100),
        other => write!(out, "{other}"),
    };
}

fn month_name(time: CoreTime) -> &'static str {
    let at = usize::from(time.month).checked_sub(1);
    at.and_then(|at| MONTH_NAMES.get(at)).copied().unwrap_or_default()
}

fn day_name(time: CoreTime) -> &'static str {
    let at = usize::try_from(weekday(time)).ok();
    at.and_then(|at| DAY_NAMES.get(at)).copied().unwrap_or_default()
}

fn abbreviated(name: &str) -> &str {
    name.get(..3).unwrap_or(name)
}

fn ordinal(day: u8) -> &'static str {
    match day {
        1 | 21 | 31 => "st",
        2 | 22 => "nd",
        3 | 23 => "rd",
        _ => "th",
    }
}
