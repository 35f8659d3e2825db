//! What the stores make of groups of rows, as plain data: their aggregate functions, what comes in an
//! answer, and how the partial states of DataFusion's are made of that.

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use tifusion_codec::FieldType;
use tifusion_codec::field_type::{flag, tp};
use tifusion_proto::tipb::{Expr, ExprType};

use super::ty::Ty;

/// Digits that a sum of integers may have.
const SUM_DIGITS: u8 = 65;

/// A column of an answer: how it is encoded, and as what it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnswerColumn {
    /// TiDB's type.
    pub(crate) field_type: FieldType,
    /// Arrow's.
    pub(crate) data_type: DataType,
}

/// How a column of a partial state is made of the columns of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It is the column at this place.
    Value(usize),
    /// It is a sum, which wraps around where DataFusion's does.
    Sum(usize),
    /// It is a value that the store has of no row too, and which is `NULL` then.
    Counted { value: usize, count: usize },
    /// It is whether there was a row.
    Seen(usize),
}

/// A largest absolute value in an answer, by which it is known that DataFusion, which computes decimals in 128 bits or
/// fails, would have computed a product of every row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    /// Its column in an answer.
    pub(crate) place: usize,
    /// Up to this value, in units of the column's scale, the products have 128 bits.
    pub(crate) most: i128,
    /// Whether it is that of the products themselves, so that beyond it DataFusion would have failed; if it is that of a
    /// factor, which is less work, the products have to be looked at then.
    pub(crate) is_exact: bool,
}

/// What the stores make of groups of rows. Answers have the functions' columns, then the groups'.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PartialAggregate {
    /// The functions.
    pub(crate) functions: Vec<Expr>,
    /// What is grouped by.
    pub(crate) groups: Vec<Expr>,
    /// The columns of an answer.
    pub(crate) answer: Vec<AnswerColumn>,
    /// The columns of the partial states.
    pub(crate) states: Vec<State>,
    /// What tells whether DataFusion would have computed all products.
    pub(crate) bounded: Vec<Bound>,
    /// What is asked, of all rows, where a bound that is not exact is exceeded: the largest of all products.
    pub(crate) exact: Option<Box<PartialAggregate>>,
    /// The columns that they are of, for people.
    pub(crate) read: Vec<String>,
    /// The functions, for people.
    pub(crate) shown_functions: Vec<String>,
    /// What is grouped by, for people.
    pub(crate) shown_groups: Vec<String>,
    /// Whether the rows of a group come one after another.
    pub(crate) is_streamed: bool,
}

impl PartialAggregate {
    /// The largest of products, of all rows, of which each is looked at; `None` if there are none.
    pub(crate) fn of_largest(products: Vec<(Expr, AnswerColumn)>) -> Option<Self> {
        if products.is_empty() {
            return None;
        }
        let bound = |place| Bound { place, most: i128::MAX, is_exact: true };
        let places = 0..products.len();
        let (functions, answer) = products.into_iter().unzip();
        Some(Self {
            functions,
            answer,
            states: places.clone().map(State::Value).collect(),
            bounded: places.map(bound).collect(),
            ..Self::default()
        })
    }

    /// The schema of the columns of an answer.
    pub(crate) fn answer_schema(&self) -> Schema {
        let field = |column: &AnswerColumn| Field::new("", column.data_type.clone(), true);
        Schema::new(self.answer.iter().map(field).collect::<Vec<_>>())
    }

    /// The columns that are grouped by; `None` if it is not by columns alone.
    pub(crate) fn group_columns(&self) -> Option<Vec<&str>> {
        let groups = self.shown_groups.iter().enumerate();
        groups.map(|(place, name)| self.is_group(place, name).then_some(name.as_str())).collect()
    }

    /// Whether the output's column at `place`, of this name, is a column of the rows of this name that
    /// they are grouped by. The groups come first.
    pub(crate) fn is_group(&self, place: usize, name: &str) -> bool {
        let is_column = |group: &Expr| group.tp() == ExprType::ColumnRef;
        self.groups.get(place).is_some_and(is_column)
            && self.shown_groups.get(place).is_some_and(|shown| shown == name)
    }
}

impl AnswerColumn {
    /// A number of rows.
    pub(crate) fn count(data_type: DataType) -> Self {
        Self { field_type: FieldType::new(tp::LONG_LONG, flag::UNSIGNED), data_type }
    }

    /// A sum of floats.
    pub(crate) fn real_sum() -> Self {
        Self { field_type: FieldType::new(tp::DOUBLE, 0), data_type: DataType::Float64 }
    }

    /// A sum of decimals, or of integers.
    pub(crate) fn decimal_sum(scale: i8) -> Self {
        Self {
            field_type: FieldType::new(tp::NEW_DECIMAL, 0),
            data_type: DataType::Decimal256(76, scale),
        }
    }

    /// A value of `ty` that is to become `wanted`; `None` if it can't.
    pub(crate) fn value(ty: &Ty, wanted: &DataType) -> Option<Self> {
        let fits = Ty::of_null(wanted).map(|wanted| wanted.kind()) == Some(ty.kind());
        let (code, flags) = match ty {
            Ty::Int(range) if range.unsigned => (tp::LONG_LONG, flag::UNSIGNED),
            Ty::Int(_) => (tp::LONG_LONG, 0),
            Ty::Real(_) => (tp::DOUBLE, 0),
            Ty::Decimal { .. } => (tp::NEW_DECIMAL, 0),
            Ty::Text | Ty::Bytes => (tp::VARCHAR, 0),
            Ty::Date => (tp::DATE, 0),
            Ty::DateTime => (tp::DATETIME, 0),
            Ty::Timestamp => (tp::TIMESTAMP, 0),
            Ty::Time => (tp::DURATION, 0),
        };
        let charset = if *ty == Ty::Text { "utf8mb4" } else { "binary" };
        let field_type = FieldType { charset: charset.to_owned(), ..FieldType::new(code, flags) };
        let data_type = match wanted {
            DataType::Boolean => DataType::Int8,
            DataType::Float32 => DataType::Float64,
            other => other.clone(),
        };
        fits.then_some(Self { field_type, data_type })
    }
}

/// The type of the store's sum of integers.
pub(super) const INTEGER_SUM: Ty = Ty::Decimal { precision: SUM_DIGITS, scale: 0 };
