//! From values of one kind to values of another, as the casts of MySQL do it.

mod text;

pub(crate) use text::{float_prefix, to_real, valid_prefix};
