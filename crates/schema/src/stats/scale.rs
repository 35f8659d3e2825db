//! Where a key lies between two others, as a number.
//!
//! Everything here is defined for any bytes and never decreases with the key, so that the estimates
//! built on it never shrink when a range grows: keys that ranges end with need not be datums.

use tifusion_codec::datum::{self, flag};
use tifusion_codec::number;
use tifusion_codec::time::{CoreTime, MICROS_PER_DAY, TimeKind};

/// What the integers in the keys of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Numbers that are as far apart as they look; and what is no integer.
    #[default]
    Plain,
    /// Packed times, whose fields are not used up.
    Time,
}

/// Where `key` lies between `low` and `high`, 0 to 1; `scales` are those of the columns in the keys.
pub(super) fn fraction(scales: &[Scale], low: &[u8], high: &[u8], key: &[u8]) -> f64 {
    if key <= low {
        return 0.0;
    }
    if key >= high {
        return 1.0;
    }
    let ruler = Ruler::between(scales, low, high);
    let (low, high) = (ruler.place(low), ruler.place(high));
    let fraction = (ruler.place(key) - low) / (high - low);
    if fraction.is_finite() { fraction.clamp(0.0, 1.0) } else { 0.5 }
}

/// Places keys on a line, the finer the more two of them have in common.
#[derive(Debug, Clone)]
pub(super) struct Ruler {
    /// What the two keys begin with.
    prefix: Vec<u8>,
    /// The flag of the higher one's datum behind it.
    flag: u8,
    /// What of that datum, if it is text, the two have in common too.
    text_prefix: Vec<u8>,
    /// Precision and scale of that datum, if it is a decimal.
    decimal: Option<[u8; 2]>,
    /// The integer that the higher one's datum is: places are counted from there, so that large
    /// numbers near each other stay apart.
    origin: u64,
    scale: Scale,
}

impl Ruler {
    /// A ruler for keys around those from `low` to `high`.
    pub(super) fn between(scales: &[Scale], low: &[u8], high: &[u8]) -> Self {
        let (mut low_rest, mut high_rest) = (low, high);
        let mut column = 0;
        loop {
            let (mut next_low, mut next_high) = (low_rest, high_rest);
            match (datum::skip_one(&mut next_low), datum::skip_one(&mut next_high)) {
                (Ok(a), Ok(b)) if a == b && !next_low.is_empty() && !next_high.is_empty() => {
                    (low_rest, high_rest) = (next_low, next_high);
                    column += 1;
                }
                _ => break,
            }
        }
        let prefix = low.get(..low.len() - low_rest.len()).unwrap_or_default().to_vec();
        let mut text_prefix = Vec::new();
        if low_rest.first() == Some(&flag::BYTES) && high_rest.first() == Some(&flag::BYTES) {
            let (low, high) = (text_of(low_rest), text_of(high_rest));
            let common = low.iter().zip(&high).take_while(|(a, b)| a == b).count();
            text_prefix = low.into_iter().take(common).collect();
        }
        let scale = scales.get(column).copied().unwrap_or_default();
        let flag = high_rest.first().copied().unwrap_or(flag::NIL);
        let decimal = high_rest.get(1..).and_then(<[u8]>::first_chunk).copied();
        let origin = eight(high_rest.get(1..).unwrap_or_default());
        Self { prefix, flag, text_prefix, decimal, origin, scale }
    }

    /// Where a key is. Keys below all that begin with the ruler's prefix are at one place, and so are
    /// those above.
    pub(super) fn place(&self, key: &[u8]) -> f64 {
        let Some(rest) = key.strip_prefix(self.prefix.as_slice()) else {
            return outside(key < self.prefix.as_slice());
        };
        let Some((flag, body)) = rest.split_first() else { return -BEYOND };
        if *flag != self.flag {
            return outside(*flag < self.flag);
        }
        let first = eight(body);
        match *flag {
            flag::UINT if self.scale == Scale::Time => time_place(first),
            flag::FLOAT => float_place(body),
            flag::DECIMAL => match body.split_first_chunk() {
                Some((size, digits)) if Some(*size) == self.decimal => decimal_place(*size, digits),
                _ => outside(body < self.decimal.unwrap_or_default().as_slice()),
            },
            flag::BYTES => self.text_place(rest),
            flag::NIL => -BEYOND,
            flag::MAX.. => BEYOND,
            // Integers, and what no key has.
            _ if first < self.origin => -as_f64(self.origin - first),
            _ => as_f64(first - self.origin),
        }
    }

    fn text_place(&self, rest: &[u8]) -> f64 {
        let text = text_of(rest);
        match text.strip_prefix(self.text_prefix.as_slice()) {
            Some(tail) => as_f64(eight(tail)),
            None => outside(text < self.text_prefix),
        }
    }
}

/// Beyond every place of a value; far enough from the largest number that sums of it are numbers.
const BEYOND: f64 = f64::MAX / 16.0;

fn outside(is_below: bool) -> f64 {
    if is_below { -BEYOND } else { BEYOND }
}

/// The number that a key's flag 8 bytes begin with, zeros behind its end.
fn eight(bytes: &[u8]) -> u64 {
    let mut eight = [0; 8];
    for (to, from) in eight.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_be_bytes(eight)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate needs no more than 53 bits")]
fn as_f64(value: u64) -> f64 {
    value as f64
}

fn float_place(body: &[u8]) -> f64 {
    let float = number::decode_f64(&mut eight(body).to_be_bytes().as_slice()).unwrap_or_default();
    if float.is_nan() {
        // Of the greatest keys if its sign is clear, of the least if not.
        return outside(eight(body) < 1 << 63);
    }
    float.clamp(-BEYOND, BEYOND)
}

/// A decimal of this precision and scale as a number: groups of nine digits in four bytes, a shorter
/// group first.
fn decimal_place([precision, scale]: [u8; 2], digits: &[u8]) -> f64 {
    const BYTES_OF_DIGITS: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
    let whole = precision.saturating_sub(scale);
    // The sign is the first bit, inverted; a negative number has all the others inverted too.
    let mut digits = digits.iter().copied().chain(std::iter::repeat(0)).take(32);
    let first = digits.next().unwrap_or(0);
    let is_negative = first & 0x80 == 0;
    let flip = if is_negative { 0xff } else { 0 };
    let mut digits = std::iter::once(first ^ 0x80).chain(digits).map(|byte| byte ^ flip);
    let mut group = |count: usize, size: u8| {
        let bytes = digits.by_ref().take(count);
        let value = bytes.fold(0_u64, |value, byte| (value << 8) | u64::from(byte));
        as_f64(value.min(10_u64.saturating_pow(size.into()).saturating_sub(1)))
    };
    let len = |digits: u8| BYTES_OF_DIGITS.get(usize::from(digits)).copied().unwrap_or(4);
    let mut place = group(len(whole % 9), whole % 9);
    for _ in 0..whole / 9 {
        place = place * 1e9 + group(4, 9);
    }
    // The first nine digits behind the point.
    let behind = scale.min(9);
    place += group(len(behind), behind) / 10_f64.powi(i32::from(behind));
    if is_negative { -place } else { place }
}

/// A packed time in microseconds; fields that are out of their range are at its end.
fn time_place(packed: u64) -> f64 {
    let time = CoreTime::from_packed(packed, TimeKind::DateTime, 0);
    if time.year > 9999 {
        return BEYOND;
    }
    let (mut date, clock) = match (time.month, time.day) {
        (0, _) => (CoreTime { month: 1, day: 1, ..time }, [0; 4]),
        (_, 0) => (CoreTime { day: 1, ..time }, [0; 4]),
        _ => (time, [time.hour.into(), time.minute.into(), time.second.into(), time.micro]),
    };
    let mut clock = saturated(clock);
    let days = loop {
        match date.to_days() {
            Ok(days) => break days,
            Err(_) if date.day > 1 => {
                date.day -= 1;
                clock = LAST_MOMENT;
            }
            Err(_) => return 0.0,
        }
    };
    let [hour, minute, second, micro] = clock.map(f64::from);
    f64::from(days) * as_f64(MICROS_PER_DAY.unsigned_abs())
        + ((hour * 60.0 + minute) * 60.0 + second) * 1e6
        + micro
}

/// Hour, minute, second and microsecond of a day's end.
const LAST_MOMENT: [u32; 4] = [23, 59, 59, 999_999];

/// A time of day whose first field that is out of its range is at its end, with all behind it.
fn saturated(clock: [u32; 4]) -> [u32; 4] {
    let mut is_over = false;
    let mut fields = clock.into_iter().zip(LAST_MOMENT).map(|(field, last)| {
        is_over = is_over || field > last;
        if is_over { last } else { field }
    });
    std::array::from_fn(|_| fields.next().unwrap_or_default())
}

/// Most bytes of a text that are compared.
const MOST_TEXT: usize = 512;

/// The bytes of an encoded text from its flag on: groups of eight, each with a ninth byte that says how
/// many of them are padding.
fn text_of(datum: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for group in datum.get(1..).unwrap_or_default().chunks(9) {
        let (bytes, marker) = group.split_at_checked(8).unwrap_or((group, &[]));
        text.extend_from_slice(bytes);
        if marker.first() != Some(&0xff) || text.len() >= MOST_TEXT {
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use tifusion_codec::datum::Datum;

    use super::*;

    fn key(values: &[Datum<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        for value in values {
            datum::encode_key(&mut out, value).unwrap();
        }
        out
    }

    fn int(value: i64) -> Vec<u8> {
        key(&[Datum::Int(value)])
    }

    fn text(value: &str) -> Vec<u8> {
        key(&[Datum::Bytes(value.as_bytes().into())])
    }

    fn close(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-6, "{left} and {right}");
    }

    #[test]
    fn numbers_are_where_they_are() {
        let plain = [Scale::Plain];
        close(fraction(&plain, &int(-10), &int(10), &int(0)), 0.5);
        close(fraction(&plain, &int(0), &int(100), &int(25)), 0.25);
        let unsigned = |value| key(&[Datum::UInt(value)]);
        close(fraction(&plain, &unsigned(0), &unsigned(u64::MAX), &unsigned(1 << 62)), 0.25);
        let float = |value| key(&[Datum::Float(value)]);
        close(fraction(&plain, &float(-1.0), &float(3.0), &float(0.0)), 0.25);
        let decimal = |text: &str| {
            let mut out = Vec::new();
            datum::encode_decimal(&mut out, &text.parse().unwrap(), 20, 2).unwrap();
            out
        };
        let (low, high) = (decimal("-100.00"), decimal("300.00"));
        close(fraction(&plain, &low, &high, &decimal("0.00")), 0.25);
        close(fraction(&plain, &low, &high, &decimal("299.00")), 399.0 / 400.0);
        let (low, high) = (decimal("0.00"), decimal("100000000000000.00"));
        close(fraction(&plain, &low, &high, &decimal("25000000000000.50")), 0.25);
        let time = |nanos| key(&[Datum::Duration(nanos)]);
        close(fraction(&plain, &time(-4_000), &time(4_000), &time(2_000)), 0.75);
    }

    #[test]
    fn times_are_where_the_calendar_has_them() {
        let time = |text: &str| {
            let time = CoreTime::parse(text, TimeKind::DateTime, 6).unwrap();
            key(&[Datum::UInt(time.to_packed())])
        };
        let scales = [Scale::Time];
        let (low, high) = (time("2024-01-31"), time("2024-02-02"));
        close(fraction(&scales, &low, &high, &time("2024-02-01")), 0.5);
        let (low, high) = (time("2024-01-31 12:00:00"), time("2024-02-01 12:00:00"));
        close(fraction(&scales, &low, &high, &time("2024-01-31 18:00:00")), 0.25);
        assert!(fraction(&[Scale::Plain], &low, &high, &time("2024-01-31 18:00:00")) < 0.2);
    }

    #[test]
    fn texts_are_compared_behind_what_they_have_in_common() {
        let plain = [Scale::Plain];
        let middle = fraction(&plain, &text("user-a"), &text("user-z"), &text("user-m"));
        assert!((0.4..0.6).contains(&middle), "{middle}");
        let long = "a long prefix of more than one group of eight bytes ";
        let of = |tail: &str| text(&format!("{long}{tail}"));
        let middle = fraction(&plain, &of("0"), &of("8"), &of("4"));
        close(middle, 0.5);
    }

    #[test]
    fn the_first_column_that_differs_counts() {
        let pair = |a, b| key(&[Datum::Int(a), Datum::Int(b)]);
        let scales = [Scale::Plain, Scale::Plain];
        close(fraction(&scales, &pair(7, 0), &pair(7, 100), &pair(7, 25)), 0.25);
        close(fraction(&scales, &pair(0, 5), &pair(8, 5), &pair(2, 99)), 0.25);
    }

    fn any_key() -> impl Strategy<Value = Vec<u8>> {
        let datum = prop_oneof![
            any::<i64>().prop_map(Datum::Int),
            (0_i64..20).prop_map(Datum::Int),
            any::<u64>().prop_map(Datum::UInt),
            any::<f64>().prop_map(Datum::Float),
            any::<i64>().prop_map(Datum::Duration),
            vec(prop_oneof![Just(b'a'), any::<u8>()], 0..20)
                .prop_map(|bytes| Datum::Bytes(bytes.into())),
            (-9_999_999_i128..9_999_999, 0_u8..4).prop_map(|(value, scale)| {
                Datum::Decimal(tifusion_codec::decimal::Decimal::from_i128(value, scale).unwrap())
            }),
            Just(Datum::Null),
        ];
        prop_oneof![
            3 => vec(datum, 1..3).prop_map(|values| key(&values)),
            1 => vec(any::<u8>(), 0..24),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn fractions_never_decrease_with_the_key(
            mut keys in vec(any_key(), 4),
            time in any::<bool>(),
            end in any::<bool>(),
        ) {
            if end && let Some(last) = keys.get_mut(1) {
                *last = tifusion_codec::key::prefix_next(last);
            }
            keys.sort();
            let scales = [if time { Scale::Time } else { Scale::Plain }];
            let [low, a, b, high] = keys.as_slice() else { unreachable!() };
            let (at_a, at_b) = (fraction(&scales, low, high, a), fraction(&scales, low, high, b));
            prop_assert!((0.0..=1.0).contains(&at_a) && (0.0..=1.0).contains(&at_b));
            prop_assert!(at_a <= at_b, "{at_a} {at_b}");
        }
    }
}
