//! Expressions over the columns of a row.
//!
//! All arguments of a function are evaluated, as TiKV does: an error in a branch that isn't taken is an
//! error. What a signature means is in the module of its group; a signature that no group knows is
//! refused by name when the plan is built.

mod arithmetic;
mod build;
mod call;
mod cast;
mod compare;
mod constant;
mod control;
mod date;
mod date_add;
mod date_text;
mod document;
mod logic;
mod math;
mod path;
mod pattern;
mod regexp;
mod text;
mod truth;
mod vector;
mod week;

pub(crate) use build::Expression;
pub(crate) use truth::truth;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
