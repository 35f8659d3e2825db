//! Defaults that are expressions: those of them that mean here what they mean to TiDB become columns of the input.
//!
//! TiDB allows few of them. What is left out here (the user's name, sequences, documents with values) would have to be
//! computed by TiDB.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::DataType;
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, Result as DataFusionResult};
use datafusion::functions::encoding::expr_fn::decode;
use datafusion::functions::string::expr_fn::{replace, upper, uuid};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use tifusion_client::Timestamp;
use tifusion_client::clock::Clock;
use tifusion_codec::time::{CoreTime, TimeKind, Zone};
use tifusion_schema::ColumnInfo;
use tifusion_schema::model::value::DefaultLiteral;

use super::command::WriteKind;
use super::target::WriteTarget;
use crate::error::Result;

/// The time of a statement, and the zone in which it is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) at: Timestamp,
    pub(super) zone: Zone,
}

/// An insert whose columns with such defaults are columns of its input; whatever else as it is.
///
/// # Errors
/// When the time is on no calendar.
pub(super) fn computed(
    target: &WriteTarget,
    kind: WriteKind,
    input: Arc<dyn ExecutionPlan>,
    now: Now,
    session: &dyn Session,
) -> Result<(WriteKind, Arc<dyn ExecutionPlan>)> {
    let WriteKind::Insert { mut columns, on_duplicate } = kind else { return Ok((kind, input)) };
    let mut more = Vec::new();
    for (offset, column) in target.info.columns.iter().enumerate() {
        if !column.default_is_expr || columns.contains(&offset) {
            continue;
        }
        if let Some(value) = value_of(column, now, target)? {
            more.push((offset, value));
        }
    }
    if more.is_empty() {
        return Ok((WriteKind::Insert { columns, on_duplicate }, input));
    }
    let schema = input.schema();
    let mut exprs = Vec::with_capacity(schema.fields().len() + more.len());
    for (at, field) in schema.fields().iter().enumerate() {
        exprs.push((Arc::new(Column::new(field.name(), at)) as _, field.name().clone()));
    }
    for (offset, value) in more {
        let value = session.create_physical_expr(value, &DFSchema::empty())?;
        exprs.push((value, format!("__default{offset}")));
        columns.push(offset);
    }
    let input = ProjectionExec::try_new(exprs, input)?;
    Ok((WriteKind::Insert { columns, on_duplicate }, Arc::new(input)))
}

/// What a default computes; `None` if it is not one of those that are known.
fn value_of(column: &ColumnInfo, now: Now, target: &WriteTarget) -> Result<Option<Expr>> {
    let Some(DefaultLiteral::Text(text)) = &column.default else { return Ok(None) };
    let known = Known::of(text);
    Ok(Some(match known {
        None => return Ok(None),
        Some(Known::Uuid) => uuid(),
        Some(Known::UuidBytes) => decode(replace(uuid(), lit("-"), lit("")), lit("hex")),
        Some(Known::UuidDigits) => replace(upper(uuid()), lit("-"), lit("")),
        Some(Known::Rand) => {
            let draw = Draw::new(Arc::clone(target.cluster.client().clock()));
            ScalarUDF::new_from_impl(draw).call(Vec::new())
        }
        Some(Known::Now(form)) => lit(form.of(now)?),
        Some(Known::Text(text)) => lit(text),
    }))
}

/// The defaults that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    /// A new UUID. Those of TiDB are of version 1, these of version 4: no two are the same either way.
    Uuid,
    /// Its bytes.
    UuidBytes,
    /// Its digits in upper case.
    UuidDigits,
    /// A number from 0 to 1.
    Rand,
    /// The time of the statement.
    Now(Form),
    /// The same for all.
    Text(String),
}

/// How the time of a statement is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Month,
    Day,
    DottedSecond,
    Second,
}

impl Known {
    /// The default of this text, as TiDB keeps it.
    fn of(text: &str) -> Option<Self> {
        let words = Words::of(text)?;
        let plain: Vec<&str> = words.0.iter().map(String::as_str).collect();
        Some(match plain.as_slice() {
            ["uuid", "(", ")"] => Self::Uuid,
            ["uuid_to_bin", "(", "uuid", "(", ")", ")"] => Self::UuidBytes,
            ["rand", "(", ")"] => Self::Rand,
            ["replace", "(", "upper", "(", "uuid", "(", ")", ")", ",", "'-", ",", "'", ")"]
            | [
                "replace",
                "(",
                "convert",
                "(",
                "upper",
                "(",
                "uuid",
                "(",
                ")",
                ")",
                "using",
                "utf8mb4" | "'utf8mb4",
                ")",
                ",",
                "'-",
                ",",
                "'",
                ")",
            ] => Self::UuidDigits,
            ["date_format", "(", "now", "(", ")", ",", format, ")"] => Self::Now(match *format {
                "'%Y-%m" => Form::Month,
                "'%Y-%m-%d" => Form::Day,
                "'%Y-%m-%d %H.%i.%s" => Form::DottedSecond,
                "'%Y-%m-%d %H:%i:%s" => Form::Second,
                _ => return None,
            }),
            ["json_object", "(", ")"] => Self::Text("{}".to_owned()),
            ["json_array", "(", ")"] => Self::Text("[]".to_owned()),
            ["str_to_date", "(", day, ",", "'%Y-%m-%d", ")"] => {
                let day = day.strip_prefix('\'').filter(|day| is_day(day))?;
                Self::Text(day.to_owned())
            }
            _ => return None,
        })
    }
}

/// Whether a text is a day with all of its digits.
fn is_day(text: &str) -> bool {
    let of = |byte: u8| if byte.is_ascii_digit() { b'0' } else { byte };
    text.bytes().map(of).eq(*b"0000-00-00")
}

impl Form {
    fn of(self, now: Now) -> Result<String> {
        let millis = i64::try_from(now.at.physical_ms()).unwrap_or(i64::MAX / 1000);
        let second = millis.div_euclid(1000).saturating_mul(1_000_000);
        let wall = now.zone.utc_to_wall_micros(second);
        let mut text = String::new();
        CoreTime::from_micros(wall, TimeKind::DateTime, 0)?.write_text(&mut text);
        let kept = match self {
            Self::Month => text.get(..7),
            Self::Day => text.get(..10),
            Self::DottedSecond => return Ok(text.replace(':', ".")),
            Self::Second => None,
        };
        Ok(kept.map_or_else(|| text.clone(), str::to_owned))
    }
}

/// The words, signs and texts of an expression: names in lower case, texts behind a quote.
struct Words(Vec<String>);

impl Words {
    /// `None` for an expression with anything else in it.
    fn of(text: &str) -> Option<Self> {
        let mut words = Vec::new();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '\'' => rest.get(1..)?.find('\'')? + 2,
                '(' | ')' | ',' => 1,
                '`' => return None,
                _ => {
                    let is_name = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
                    rest.find(|sign| !is_name(sign)).unwrap_or(rest.len())
                }
            };
            let word = rest.get(..length).filter(|word| !word.is_empty())?;
            rest = rest.get(length..)?;
            match first {
                // A quote or a backslash within would mean something.
                '\'' if rest.starts_with('\'') || word.contains('\\') => return None,
                '\'' => words.push(word.get(..length - 1)?.to_owned()),
                // The character set of the text behind it.
                '_' if rest.starts_with('\'') => {}
                _ => words.push(word.to_ascii_lowercase()),
            }
            rest = rest.trim_start();
        }
        Some(Self(words))
    }
}

/// A number from 0 to 1, another one for each row.
#[derive(Debug)]
struct Draw {
    clock: Arc<dyn Clock>,
    signature: Signature,
}

impl Draw {
    fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, signature: Signature::nullary(Volatility::Volatile) }
    }
}

impl PartialEq for Draw {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.clock, &other.clock)
    }
}

impl Eq for Draw {}

impl std::hash::Hash for Draw {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.signature.hash(state);
    }
}

impl ScalarUDFImpl for Draw {
    fn name(&self) -> &'static str {
        "tidb_rand"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        /// Numbers that a double tells apart between 0 and 1, evenly.
        const STEPS: u64 = 1 << 53;
        #[expect(clippy::cast_precision_loss, reason = "both are doubles exactly")]
        let draw = |_| self.clock.random(STEPS - 1) as f64 / STEPS as f64;
        let drawn: Float64Array = (0..arguments.number_rows).map(draw).map(Some).collect();
        Ok(ColumnarValue::Array(Arc::new(drawn) as ArrayRef))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_known_however_they_are_spelled() {
        for (text, known) in [
            ("uuid()", Known::Uuid),
            ("UUID( )", Known::Uuid),
            ("uuid_to_bin(uuid())", Known::UuidBytes),
            ("rand()", Known::Rand),
            ("replace(upper(uuid()), '-', '')", Known::UuidDigits),
            ("replace(upper(uuid()), _utf8mb4'-', _UTF8MB4'')", Known::UuidDigits),
            ("replace(convert(upper(uuid()) using 'utf8mb4'), '-', '')", Known::UuidDigits),
            ("date_format(now(), '%Y-%m')", Known::Now(Form::Month)),
            ("date_format(now(), _utf8mb4'%Y-%m-%d')", Known::Now(Form::Day)),
            ("date_format(now(),'%Y-%m-%d %H.%i.%s')", Known::Now(Form::DottedSecond)),
            ("date_format(now(), '%Y-%m-%d %H:%i:%s')", Known::Now(Form::Second)),
            ("json_object()", Known::Text("{}".to_owned())),
            ("json_array()", Known::Text("[]".to_owned())),
            ("str_to_date('1980-01-02', '%Y-%m-%d')", Known::Text("1980-01-02".to_owned())),
        ] {
            assert_eq!(Known::of(text), Some(known), "{text}");
        }
        for text in [
            "",
            "uuid",
            "uuid(1)",
            "rand(1)",
            "uuid_to_bin(uuid(), 1)",
            "upper(substring_index(user(), '@', 1))",
            "date_format(now(), '%y')",
            "date_format(now(3), '%Y-%m')",
            "json_object('a', 1)",
            "str_to_date('80-1-2', '%Y-%m-%d')",
            "str_to_date('1980-01-02', '%d')",
            "replace(upper(uuid()), '-', 'a''b')",
            "`uuid`()",
            "nextval(`s`)",
            "'uuid()",
        ] {
            assert_eq!(Known::of(text), None, "{text}");
        }
    }

    #[test]
    fn the_time_is_told_in_the_sessions_zone() {
        let at = Timestamp::new(1_709_251_199_999 << 18);
        let now = Now { at, zone: "+05:30".parse().unwrap() };
        for (form, text) in [
            (Form::Month, "2024-03"),
            (Form::Day, "2024-03-01"),
            (Form::DottedSecond, "2024-03-01 05.29.59"),
            (Form::Second, "2024-03-01 05:29:59"),
        ] {
            assert_eq!(form.of(now).unwrap(), text);
        }
    }
}
