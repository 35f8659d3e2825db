//! Arithmetic and bits.

use super::{Capability, Kind, Sig, never, under};

/// The condition of integers.
const RANGE: &str =
    "where the operands' ranges exclude overflow: DataFusion wraps, the store fails";
/// That of integers divided.
const DIVISOR: &str = "where the operands' ranges exclude overflow and a divisor of zero: DataFusion \
    fails, to the store it is NULL";
/// That of floats.
const FINITE: &str = "where the operands' ranges exclude overflow, so not over a DOUBLE column, and \
    not in single precision";
/// That of decimals.
const DIGITS: &str = "where the digits of the result suffice";
/// That of bits.
const BITS: &str = "";

/// All rows of this subject.
pub(super) const ROWS: &[Capability] = &[
    under(
        ("+", "plus"),
        Kind::Int,
        Sig::PlusInt,
        RANGE,
        &["i_int + 1 > 7", "CAST(i_tiny AS BIGINT) + i_int < 0", "i_uint + i_tiny > 0"],
    ),
    under(
        ("-", "minus"),
        Kind::Int,
        Sig::MinusInt,
        RANGE,
        &["i_int - 1 > 7", "CAST(i_tiny AS BIGINT) - i_int < 0", "i_uint - i_int < 0"],
    ),
    under(("*", "mul"), Kind::Int, Sig::MultiplyInt, RANGE, &["i_int * 2 > 7", "i_tiny * -3 < 0"]),
    under(
        ("/", "intdiv"),
        Kind::Int,
        Sig::IntDivideInt,
        DIVISOR,
        &["i_int / 2 = 3", "i_big / 10 > 7", "i_tiny / -2 = 0"],
    ),
    under(
        ("%", "mod"),
        Kind::Int,
        Sig::ModIntSignedSigned,
        DIVISOR,
        &["i_int % 2 = 1", "i_int % -3 = -1"],
    ),
    under(
        ("unary -", "unaryminus"),
        Kind::Int,
        Sig::UnaryMinusInt,
        RANGE,
        &["-CAST(i_int AS BIGINT) > 0"],
    ),
    under(("+", "plus"), Kind::Real, Sig::PlusReal, FINITE, &["CAST(i_int AS DOUBLE) + 0.5 > 1.5"]),
    under(
        ("-", "minus"),
        Kind::Real,
        Sig::MinusReal,
        FINITE,
        &["CAST(i_int AS DOUBLE) - 0.5 > 1.5"],
    ),
    under(
        ("*", "mul"),
        Kind::Real,
        Sig::MultiplyReal,
        FINITE,
        &["f_single * CAST(i_int AS DOUBLE) > 1.5"],
    ),
    under(
        ("/", "div"),
        Kind::Real,
        Sig::DivideReal,
        "by a constant, where the ranges exclude overflow",
        &["CAST(i_int AS DOUBLE) / 3.0 > 1.5"],
    ),
    under(("unary -", "unaryminus"), Kind::Real, Sig::UnaryMinusReal, "", &["-f_x > 1.5"]),
    under(
        ("+", "plus"),
        Kind::Decimal,
        Sig::PlusDecimal,
        DIGITS,
        &["n_price + n_price > 1", "n_price + 1 > 2"],
    ),
    under(("-", "minus"), Kind::Decimal, Sig::MinusDecimal, DIGITS, &["n_price - 1 > 2"]),
    under(
        ("*", "mul"),
        Kind::Decimal,
        Sig::MultiplyDecimal,
        DIGITS,
        &["n_price * n_price > 1", "n_price * (1 - n_price) < 0"],
    ),
    under(("unary -", "unaryminus"), Kind::Decimal, Sig::UnaryMinusDecimal, "", &["-n_price > 1"]),
    never(
        ("/", "div"),
        Kind::Decimal,
        "DataFusion cuts the quotient where the store rounds it, at another scale",
        &["n_price / 3 > 1"],
    ),
    never(
        ("%", "mod"),
        Kind::Decimal,
        "a divisor of zero is an error here and NULL in the store",
        &["n_price % 3 > 1"],
    ),
    never(
        ("%", "mod"),
        Kind::Real,
        "a divisor of zero gives NaN here and NULL in the store",
        &["f_x % 3.0 > 1.0"],
    ),
    under(("&", "bitand"), Kind::Int, Sig::BitAndSig, BITS, &["(i_int & 6) = 6"]),
    under(("|", "bitor"), Kind::Int, Sig::BitOrSig, BITS, &["(i_int | 8) > 8"]),
    under(("BIT_XOR", "bitxor"), Kind::Int, Sig::BitXorSig, BITS, &[]),
    under(
        ("<<", "leftshift"),
        Kind::Int,
        Sig::LeftShift,
        "of 64 bits, by a constant of 0 to 63",
        &["(i_big << 3) > 8"],
    ),
    under(
        (">>", "rightshift"),
        Kind::Int,
        Sig::RightShift,
        "of what is never negative, by a constant of 0 to 63 and less than the width",
        &["(i_uint >> 3) > 8"],
    ),
];
