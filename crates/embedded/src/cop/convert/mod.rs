//! From values of one kind to values of another, as the casts of MySQL do it.

mod json;
mod number;
mod round;
mod text;
mod time;

pub(crate) use json::json_text;
pub(crate) use number::{decimal_of, int_of, int_to_real, real_of, real_to_int, settle, uint_of};
pub(crate) use round::{round_span, round_time};
pub(crate) use text::{to_real, valid_prefix};
pub(crate) use time::{
    clock_of, month_days, parse_span, parse_time, span_of_number, time_of_digits, time_of_number,
    wall_now,
};
