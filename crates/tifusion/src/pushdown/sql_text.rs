//! Expressions of the stores' as SQL for TiDB.
//!
//! What may be evaluated elsewhere is decided by the one table, for the stores' functions. TiDB has each of them by
//! a name, and takes the one for the types of what it is given; so a text stands for a function where the types say
//! the same to TiDB as to the stores. Where that is not certain there is no text, and the expression stays here.

use tifusion_codec::FieldType;
use tifusion_codec::decimal::Decimal;
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::time::{CoreTime, MAX_FSP, TimeKind};
use tifusion_codec::{duration, number};
use tifusion_proto::tipb::{ByItem, Expr, ExprType, ScalarFuncSig as Sig};

/// Name of the table in a statement.
pub(crate) const TABLE: &str = "t";

/// The columns that expressions are over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SqlText {
    columns: Vec<String>,
}

impl SqlText {
    /// Over columns of these names and types.
    pub(crate) fn new<'a>(columns: impl IntoIterator<Item = (&'a str, &'a FieldType)>) -> Self {
        let column = |(name, field_type): (&str, &FieldType)| {
            let name = format!("{TABLE}.{}", quoted(name));
            // A number beside a YEAR may be taken for a year of two digits.
            if field_type.tp == tp::YEAR { format!("CAST({name} AS UNSIGNED)") } else { name }
        };
        Self { columns: columns.into_iter().map(column).collect() }
    }

    /// An aggregate function; `None` if it has no text.
    pub(crate) fn aggregate(&self, function: &Expr) -> Option<String> {
        let name = match function.tp() {
            ExprType::Count => "COUNT",
            ExprType::Sum => "SUM",
            ExprType::Min => "MIN",
            ExprType::Max => "MAX",
            ExprType::AggBitAnd => "BIT_AND",
            ExprType::AggBitOr => "BIT_OR",
            ExprType::AggBitXor => "BIT_XOR",
            _ => return None,
        };
        match function.children.as_slice() {
            [argument] if orders(name) && is_text_by_bytes(argument) => None,
            [argument] => Some(format!("{name}({})", self.value(argument)?)),
            _ => None,
        }
    }

    /// A key of an order; `None` if it has no text.
    pub(crate) fn order_key(&self, key: &ByItem) -> Option<String> {
        let expr = key.expr.as_ref().filter(|expr| !is_text_by_bytes(expr))?;
        let expr = self.value(expr)?;
        Some(if key.desc() { format!("{expr} DESC") } else { expr })
    }

    /// An expression; `None` if it has no text.
    pub(crate) fn value(&self, expr: &Expr) -> Option<String> {
        let bytes = expr.val();
        match expr.tp() {
            ExprType::Null => Some("NULL".to_owned()),
            ExprType::Int64 => Some(integer(decoded(bytes, number::decode_i64)?)),
            ExprType::Uint64 => Some(decoded(bytes, number::decode_u64)?.to_string()),
            ExprType::Float64 => real(decoded(bytes, number::decode_f64)?),
            ExprType::MysqlDecimal => decimal(bytes),
            ExprType::MysqlDuration => {
                let text = duration::to_text(decoded(bytes, number::decode_i64)?, MAX_FSP);
                Some(format!("TIME'{text}'"))
            }
            ExprType::MysqlTime => time(decoded(bytes, number::decode_u64)?, expr),
            ExprType::String => text(bytes),
            ExprType::Bytes => Some(hexadecimal(bytes)),
            ExprType::ColumnRef => {
                let place = usize::try_from(decoded(bytes, number::decode_i64)?).ok()?;
                self.columns.get(place).cloned()
            }
            ExprType::ScalarFunc => self.call(expr),
            _ => None,
        }
    }

    fn call(&self, call: &Expr) -> Option<String> {
        if let Some(symbol) = comparison(call.sig()) {
            return self.infix(symbol, &call.children, Self::value);
        }
        if let Some(symbol) = text_comparison(call.sig()) {
            return self.infix(symbol, &call.children, Self::by_bytes);
        }
        if let Some(symbol) = operator(call.sig()) {
            return self.infix(symbol, &call.children, Self::value);
        }
        if let Some(name) = function(call.sig()) {
            return self.named(name, &call.children);
        }
        self.special(call)
    }

    /// What is written in a way of its own.
    fn special(&self, call: &Expr) -> Option<String> {
        let one = || match call.children.as_slice() {
            [only] => self.value(only),
            _ => None,
        };
        match call.sig() {
            Sig::InInt | Sig::InReal | Sig::InDecimal | Sig::InTime | Sig::InDuration => {
                self.list(&call.children, Self::value)
            }
            Sig::InString => self.list(&call.children, Self::by_bytes),
            Sig::UnaryNotInt => Some(format!("(NOT {})", one()?)),
            Sig::UnaryMinusInt | Sig::UnaryMinusReal | Sig::UnaryMinusDecimal => {
                Some(format!("(-({}))", one()?))
            }
            Sig::IntIsNull
            | Sig::RealIsNull
            | Sig::DecimalIsNull
            | Sig::TimeIsNull
            | Sig::DurationIsNull
            | Sig::StringIsNull => Some(format!("({} IS NULL)", one()?)),
            Sig::CaseWhenInt
            | Sig::CaseWhenReal
            | Sig::CaseWhenDecimal
            | Sig::CaseWhenTime
            | Sig::CaseWhenDuration
            | Sig::CaseWhenString => self.case(call),
            Sig::CoalesceString => self.coalesced_text(call),
            Sig::LikeSig => match call.children.as_slice() {
                [value, pattern, _] if pattern.tp() == ExprType::String => Some(format!(
                    "(CONVERT({} USING utf8mb4) LIKE {} COLLATE utf8mb4_bin)",
                    self.value(value)?,
                    self.value(pattern)?
                )),
                _ => None,
            },
            Sig::CastIntAsInt => {
                let is_unsigned = call.field_type.as_ref()?.flag() & flag::UNSIGNED != 0;
                let to = if is_unsigned { "UNSIGNED" } else { "SIGNED" };
                Some(format!("CAST({} AS {to})", one()?))
            }
            Sig::BitAndSig => {
                let masked = self.infix("&", &call.children, Self::value)?;
                // There its bits are those of a number without a sign.
                let is_unsigned = call.field_type.as_ref()?.flag() & flag::UNSIGNED != 0;
                Some(if is_unsigned { masked } else { format!("CAST({masked} AS SIGNED)") })
            }
            Sig::CastIntAsReal => Some(format!("({} + 0e0)", one()?)),
            Sig::CastIntAsDecimal => {
                let digits = call.field_type.as_ref()?.flen();
                (1..=65).contains(&digits).then_some(())?;
                Some(format!("CAST({} AS DECIMAL({digits}, 0))", one()?))
            }
            _ => None,
        }
    }

    fn infix(
        &self,
        symbol: &str,
        operands: &[Expr],
        shown: fn(&Self, &Expr) -> Option<String>,
    ) -> Option<String> {
        let [left, right] = operands else { return None };
        Some(format!("({} {symbol} {})", shown(self, left)?, shown(self, right)?))
    }

    fn list(&self, operands: &[Expr], shown: fn(&Self, &Expr) -> Option<String>) -> Option<String> {
        let (needle, members) = operands.split_first()?;
        let members: Option<Vec<String>> =
            members.iter().map(|member| shown(self, member)).collect();
        Some(format!("({} IN ({}))", shown(self, needle)?, members?.join(", ")))
    }

    fn named(&self, name: &str, arguments: &[Expr]) -> Option<String> {
        let arguments: Option<Vec<String>> = arguments.iter().map(|arg| self.value(arg)).collect();
        Some(format!("{name}({})", arguments?.join(", ")))
    }

    fn case(&self, call: &Expr) -> Option<String> {
        let mut parts = call.children.as_slice();
        let mut said = "(CASE".to_owned();
        let mut results = Vec::new();
        while let [when, then, rest @ ..] = parts {
            said.push_str(&format!(" WHEN {} THEN {}", self.value(when)?, self.value(then)?));
            results.push(then);
            parts = rest;
        }
        if let [otherwise] = parts {
            said.push_str(&format!(" ELSE {}", self.value(otherwise)?));
            results.push(otherwise);
        }
        said.push_str(" END)");
        let is_text = call.sig() == Sig::CaseWhenString;
        (!is_text || have_one_collation(results)).then_some(said)
    }

    /// Of one value it is the bytes of that, whatever they are compared by.
    fn coalesced_text(&self, call: &Expr) -> Option<String> {
        match call.children.as_slice() {
            [only] if is_bytes(call) => self.by_bytes(only),
            children if have_one_collation(children) => self.named("COALESCE", children),
            _ => None,
        }
    }

    /// The bytes of a text.
    fn by_bytes(&self, expr: &Expr) -> Option<String> {
        match expr.tp() {
            ExprType::Null => self.value(expr),
            ExprType::String | ExprType::Bytes => Some(hexadecimal(expr.val())),
            _ if is_bytes(expr) => self.value(expr),
            _ => Some(format!("CAST({} AS BINARY)", self.value(expr)?)),
        }
    }
}

/// Whether a function looks at which of two values is the greater one.
fn orders(name: &str) -> bool {
    matches!(name, "MIN" | "MAX")
}

/// Whether it is a text as its bytes. Which of two is the greater one is decided by the connection's collation where
/// TiDB has it decided by a store, not by that of bytes, so that they are put in order here.
fn is_text_by_bytes(expr: &Expr) -> bool {
    expr.sig() == Sig::CoalesceString && is_bytes(expr)
}

/// The symbol of a comparison by value.
fn comparison(signature: Sig) -> Option<&'static str> {
    Some(match signature {
        Sig::EqInt | Sig::EqReal | Sig::EqDecimal | Sig::EqTime | Sig::EqDuration => "=",
        Sig::NeInt | Sig::NeReal | Sig::NeDecimal | Sig::NeTime | Sig::NeDuration => "<>",
        Sig::LtInt | Sig::LtReal | Sig::LtDecimal | Sig::LtTime | Sig::LtDuration => "<",
        Sig::LeInt | Sig::LeReal | Sig::LeDecimal | Sig::LeTime | Sig::LeDuration => "<=",
        Sig::GtInt | Sig::GtReal | Sig::GtDecimal | Sig::GtTime | Sig::GtDuration => ">",
        Sig::GeInt | Sig::GeReal | Sig::GeDecimal | Sig::GeTime | Sig::GeDuration => ">=",
        Sig::NullEqInt
        | Sig::NullEqReal
        | Sig::NullEqDecimal
        | Sig::NullEqTime
        | Sig::NullEqDuration => "<=>",
        _ => return None,
    })
}

/// The symbol of a comparison of texts, which the table has by their bytes.
fn text_comparison(signature: Sig) -> Option<&'static str> {
    Some(match signature {
        Sig::EqString => "=",
        Sig::NeString => "<>",
        Sig::LtString => "<",
        Sig::LeString => "<=",
        Sig::GtString => ">",
        Sig::GeString => ">=",
        Sig::NullEqString => "<=>",
        _ => return None,
    })
}

/// The symbol of logic and arithmetic.
fn operator(signature: Sig) -> Option<&'static str> {
    Some(match signature {
        Sig::LogicalAnd => "AND",
        Sig::LogicalOr => "OR",
        Sig::PlusInt | Sig::PlusReal | Sig::PlusDecimal => "+",
        Sig::MinusInt | Sig::MinusReal | Sig::MinusDecimal => "-",
        Sig::MultiplyInt | Sig::MultiplyReal | Sig::MultiplyDecimal => "*",
        Sig::DivideReal => "/",
        Sig::IntDivideInt => "DIV",
        Sig::ModIntSignedSigned => "%",
        _ => return None,
    })
}

/// The name of a function.
fn function(signature: Sig) -> Option<&'static str> {
    Some(match signature {
        Sig::AbsInt | Sig::AbsReal | Sig::AbsDecimal => "ABS",
        Sig::CeilReal => "CEIL",
        Sig::FloorReal => "FLOOR",
        Sig::CharLengthUtf8 => "CHAR_LENGTH",
        Sig::Length => "LENGTH",
        Sig::CoalesceInt
        | Sig::CoalesceReal
        | Sig::CoalesceDecimal
        | Sig::CoalesceTime
        | Sig::CoalesceDuration => "COALESCE",
        Sig::Year => "YEAR",
        Sig::Month => "MONTH",
        Sig::DayOfMonth => "DAYOFMONTH",
        Sig::DayOfYear => "DAYOFYEAR",
        Sig::DayOfWeek => "DAYOFWEEK",
        Sig::Date => "DATE",
        _ => return None,
    })
}

/// Whether no two of the texts can disagree about how they compare, which TiDB would refuse.
fn have_one_collation<'a>(texts: impl IntoIterator<Item = &'a Expr>) -> bool {
    let is_constant = |text: &&Expr| matches!(text.tp(), ExprType::String | ExprType::Null);
    texts.into_iter().filter(|text| !is_constant(text)).count() <= 1
}

/// Whether a value is bytes rather than text.
fn is_bytes(expr: &Expr) -> bool {
    expr.field_type.as_ref().is_some_and(|field_type| field_type.charset() == "binary")
}

/// A name between backticks.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn decoded<T, E>(bytes: &[u8], decode: impl FnOnce(&mut &[u8]) -> Result<T, E>) -> Option<T> {
    let mut rest = bytes;
    decode(&mut rest).ok()
}

fn integer(value: i64) -> String {
    match value {
        // Without its sign it would be another type.
        i64::MIN => format!("({} - 1)", i64::MIN + 1),
        value if value < 0 => format!("({value})"),
        value => value.to_string(),
    }
}

fn real(value: f64) -> Option<String> {
    let is_plain = value.is_finite() && !(value == 0.0 && value.is_sign_negative());
    let said = format!("{value:e}");
    is_plain.then(|| if value < 0.0 { format!("({said})") } else { said })
}

fn decimal(bytes: &[u8]) -> Option<String> {
    let value = decoded(bytes, Decimal::decode)?;
    let said = value.to_string();
    Some(match (said.contains('.'), value.is_negative()) {
        (false, _) => format!("CAST({said} AS DECIMAL({}, 0))", value.precision().max(1)),
        (true, true) => format!("({said})"),
        (true, false) => said,
    })
}

fn time(packed: u64, expr: &Expr) -> Option<String> {
    let field_type = expr.field_type.as_ref()?;
    let mut said = String::new();
    Some(if field_type.tp() == i32::from(tp::DATE) {
        CoreTime::from_packed(packed, TimeKind::Date, 0).write_text(&mut said);
        format!("DATE'{said}'")
    } else {
        CoreTime::from_packed(packed, TimeKind::DateTime, MAX_FSP).write_text(&mut said);
        format!("TIMESTAMP'{said}'")
    })
}

/// A text, as it is where nothing in it could mean anything else.
fn text(bytes: &[u8]) -> Option<String> {
    let said = std::str::from_utf8(bytes).ok()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " %_-.,/+()#".contains(c);
    Some(match said.chars().all(is_plain) {
        true => format!("'{said}'"),
        false => format!("_utf8mb4 {}", hexadecimal(bytes)),
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("x'{digits}'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pushdown::build::Build;
    use crate::pushdown::ty::{IntRange, Ty};

    #[test]
    fn constants_mean_to_tidb_what_they_mean_here() {
        assert_eq!(integer(-7), "(-7)");
        assert_eq!(integer(i64::MIN), "(-9223372036854775807 - 1)");
        assert_eq!(real(2.5).as_deref(), Some("2.5e0"));
        assert_eq!(real(-1e300).as_deref(), Some("(-1e300)"));
        assert_eq!(real(-0.0), None);
        assert_eq!(text(b"a_b%").as_deref(), Some("'a_b%'"));
        assert_eq!(text(b"it's").as_deref(), Some("_utf8mb4 x'69742773'"));
        assert_eq!(text(b""), Some("''".to_owned()));
        assert_eq!(quoted("a`b"), "`a``b`");
    }

    #[test]
    fn a_number_is_no_year_of_two_digits() {
        let year = FieldType::new(tp::YEAR, 0);
        let text = SqlText::new([("y", &year)]);
        assert_eq!(text.columns, ["CAST(t.`y` AS UNSIGNED)"]);
    }

    #[test]
    fn bits_have_the_sign_that_they_have_here() {
        let text = SqlText::new([]);
        let build = Build::new(true);
        let operands = || vec![build.small(-6).expr, build.small(3).expr];
        let masked = |unsigned| {
            let ty = Ty::Int(IntRange { unsigned, ..IntRange::signed(0, 3) });
            text.value(&build.call(Sig::BitAndSig, operands(), ty).expr)
        };
        assert_eq!(masked(false).as_deref(), Some("CAST(((-6) & 3) AS SIGNED)"));
        assert_eq!(masked(true).as_deref(), Some("((-6) & 3)"));
    }

    #[test]
    fn what_has_no_certain_text_has_none() {
        let text = SqlText::new([]);
        let call = |sig: Sig| Expr {
            tp: Some(ExprType::ScalarFunc.into()),
            sig: Some(sig.into()),
            ..Expr::default()
        };
        for sig in [Sig::BitOrSig, Sig::Concat, Sig::CastIntAsString, Sig::Hour, Sig::JsonTypeSig] {
            assert_eq!(text.value(&call(sig)), None, "{sig:?}");
        }
    }
}
