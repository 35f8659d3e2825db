//! The condition that a row's handle is one of a list.

use tifusion_proto::tipb::{Expr, ScalarFuncSig};

use super::build::Build;
use super::ty::{IntRange, Ty};

/// Whether the integer handle in the column at `offset` of the scan is one of `handles`, which are
/// signed ones with the same bits if it is unsigned; `None` if there is no such condition.
pub(crate) fn is_one_of(
    offset: usize,
    is_unsigned: bool,
    handles: &[i64],
    new_collation: bool,
) -> Option<Expr> {
    let build = Build::new(new_collation);
    let range = match is_unsigned {
        true => IntRange { unsigned: true, ..IntRange::signed(0, i128::from(u64::MAX)) },
        false => IntRange::signed(i128::from(i64::MIN), i128::from(i64::MAX)),
    };
    let mut children = Vec::with_capacity(handles.len() + 1);
    children.push(build.column(offset, Ty::Int(range)).expr);
    for handle in handles {
        let value = match is_unsigned {
            true => i128::from(handle.cast_unsigned()),
            false => i128::from(*handle),
        };
        children.push(build.int(value)?.expr);
    }
    Some(build.call(ScalarFuncSig::InInt, children, Ty::TRUTH).expr)
}
