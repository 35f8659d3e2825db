//! The cursor all decoders share: a `&mut &[u8]` whose front is taken off.
//!
//! When a decoder fails, the cursor stays where it was.

use crate::error::{Error, Result};

/// Takes `len` bytes off the front of `input`.
///
/// # Errors
/// [`Error::Truncated`], naming `what`, when fewer are left.
pub fn take<'a>(what: &'static str, input: &mut &'a [u8], len: usize) -> Result<&'a [u8]> {
    let Some((head, tail)) = input.split_at_checked(len) else {
        let left = input.len();
        return Err(Error::Truncated { what, needed: len.saturating_sub(left), left });
    };
    *input = tail;
    Ok(head)
}

/// Takes `N` bytes off the front of `input` as an array.
///
/// # Errors
/// [`Error::Truncated`], naming `what`, when fewer are left.
pub fn take_array<'a, const N: usize>(
    what: &'static str,
    input: &mut &'a [u8],
) -> Result<&'a [u8; N]> {
    let Some((head, tail)) = input.split_first_chunk::<N>() else {
        let left = input.len();
        return Err(Error::Truncated { what, needed: N.saturating_sub(left), left });
    };
    *input = tail;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_taken_off_the_front() {
        let mut rest = &[1, 2, 3, 4][..];
        assert_eq!(take("x", &mut rest, 1), Ok(&[1][..]));
        assert_eq!(take_array("x", &mut rest), Ok(&[2, 3]));
        assert_eq!(take("x", &mut rest, 0), Ok(&[][..]));
        assert_eq!(rest, [4]);
    }

    #[test]
    fn too_few_bytes_leave_the_cursor_where_it_was() {
        let mut rest = &[1, 2][..];
        let error = Error::Truncated { what: "x", needed: 1, left: 2 };
        assert_eq!(take("x", &mut rest, 3), Err(error.clone()));
        assert_eq!(take_array::<3>("x", &mut rest), Err(error));
        assert!(take("x", &mut rest, usize::MAX).is_err());
        assert_eq!(rest, [1, 2]);
    }
}
