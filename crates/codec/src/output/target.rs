//! The pairs of field type and Arrow type, checked once for all cells of a column.

use std::sync::Arc;

use arrow_array::StringArray;
use arrow_schema::{DataType, FieldRef, Schema, TimeUnit};

use super::OutputColumn;
use crate::error::{Error, Result};
use crate::field_type::{FieldType, tp};

/// Bytes of a cell in a chunk column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellWidth {
    /// Every cell, a NULL's too, has this many bytes.
    Fixed(usize),
    /// Offsets tell where cells begin and end.
    Variable,
}

/// How Arrow keeps strings and byte strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StringLayout {
    /// 32-bit offsets.
    Small,
    /// 64-bit offsets.
    Large,
    /// Views.
    View,
}

/// An Arrow integer type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntWidth {
    /// `Int8`
    I8,
    /// `Int16`
    I16,
    /// `Int32`
    I32,
    /// `Int64`
    I64,
    /// `UInt8`
    U8,
    /// `UInt16`
    U16,
    /// `UInt32`
    U32,
    /// `UInt64`
    U64,
}

/// A checked pair of a field type and an Arrow type: what to do with the cells of a column.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// An integer; the cell's eight bytes are unsigned or signed.
    Int { width: IntWidth, unsigned: bool },
    /// `FLOAT` as `Float32`.
    Float32,
    /// `FLOAT` as `Float64`.
    WidenedFloat,
    /// `DOUBLE` as `Float64`.
    Float64,
    /// `DECIMAL` as `Decimal128`.
    Decimal128 { precision: u8, scale: u8 },
    /// `DECIMAL` as `Decimal256`.
    Decimal256 { precision: u8, scale: u8 },
    /// `DATE` as `Date32`.
    Date32,
    /// `DATETIME` or `TIMESTAMP` as `Timestamp(µs, zone)`.
    Timestamp { zone: Option<Arc<str>> },
    /// `TIME` as `Duration(µs)`.
    Duration,
    /// A string as text.
    Text(StringLayout),
    /// A string as bytes.
    Bytes(StringLayout),
    /// `BIT` as `UInt64`.
    Bit,
    /// `ENUM` as a dictionary of its members and, behind them, the empty string.
    Enum { dictionary: Arc<StringArray> },
    /// `SET` as its members' names with commas between them.
    Set { members: Arc<[String]>, layout: StringLayout },
    /// `JSON` as text.
    Json(StringLayout),
    /// `VECTOR` as a list.
    Vector { item: FieldRef },
}

impl Target {
    /// Checks that cells of `column` can become its Arrow type.
    pub(crate) fn resolve(column: &OutputColumn) -> Result<Self> {
        let OutputColumn { field_type, data_type, .. } = column;
        let target = match field_type.tp {
            tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG | tp::YEAR => {
                int_width(data_type)
                    .map(|width| Self::Int { width, unsigned: field_type.is_unsigned() })
            }
            tp::FLOAT => match data_type {
                DataType::Float32 => Some(Self::Float32),
                DataType::Float64 => Some(Self::WidenedFloat),
                _ => None,
            },
            tp::DOUBLE => (*data_type == DataType::Float64).then_some(Self::Float64),
            tp::NEW_DECIMAL => decimal(data_type),
            tp::DATE | tp::NEW_DATE => (*data_type == DataType::Date32).then_some(Self::Date32),
            tp::DATETIME => match data_type {
                DataType::Timestamp(TimeUnit::Microsecond, None) => {
                    Some(Self::Timestamp { zone: None })
                }
                _ => None,
            },
            tp::TIMESTAMP => match data_type {
                DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) => {
                    Some(Self::Timestamp { zone: Some(Arc::clone(zone)) })
                }
                _ => None,
            },
            tp::DURATION => {
                (*data_type == DataType::Duration(TimeUnit::Microsecond)).then_some(Self::Duration)
            }
            tp::BIT => (*data_type == DataType::UInt64).then_some(Self::Bit),
            tp::ENUM => enumeration(field_type, data_type),
            tp::SET => set(field_type, data_type),
            tp::JSON => text_layout(data_type).map(Self::Json),
            tp::TIDB_VECTOR_FLOAT32 => match data_type {
                DataType::List(item) if *item.data_type() == DataType::Float32 => {
                    Some(Self::Vector { item: Arc::clone(item) })
                }
                _ => None,
            },
            _ if field_type.is_string() => {
                let text = text_layout(data_type).filter(|_| !field_type.is_binary_string());
                text.map(Self::Text).or_else(|| bytes_layout(data_type).map(Self::Bytes))
            }
            _ => None,
        };
        target.ok_or_else(|| Error::UnsupportedType {
            tp: field_type.tp,
            name: field_type.name(),
            target: data_type.to_string(),
        })
    }

    /// What the cells are, for messages.
    pub(crate) fn cells_name(&self) -> &'static str {
        match self {
            Self::Int { .. } => "integers",
            Self::Float32 | Self::WidenedFloat | Self::Float64 => "floats",
            Self::Decimal128 { .. } | Self::Decimal256 { .. } => "decimals",
            Self::Date32 => "dates",
            Self::Timestamp { .. } => "timestamps",
            Self::Duration => "times",
            Self::Text(_) | Self::Bytes(_) => "strings",
            Self::Bit => "bits",
            Self::Enum { .. } => "ENUM members",
            Self::Set { .. } => "SETs",
            Self::Json(_) => "JSON",
            Self::Vector { .. } => "vectors",
        }
    }

    /// How wide the cells are in a chunk (`getFixedLen` of TiDB's `chunk/codec.go`).
    pub(crate) fn cell_width(&self) -> CellWidth {
        match self {
            Self::Int { .. } | Self::Float64 | Self::Duration => CellWidth::Fixed(8),
            Self::Date32 | Self::Timestamp { .. } => CellWidth::Fixed(8),
            Self::Float32 | Self::WidenedFloat => CellWidth::Fixed(4),
            Self::Decimal128 { .. } | Self::Decimal256 { .. } => CellWidth::Fixed(40),
            Self::Text(_)
            | Self::Bytes(_)
            | Self::Bit
            | Self::Enum { .. }
            | Self::Set { .. }
            | Self::Json(_)
            | Self::Vector { .. } => CellWidth::Variable,
        }
    }
}

/// Resolves all columns of a decoder and checks them against the schema of its batches.
pub(crate) fn resolve_columns(schema: &Schema, columns: &[OutputColumn]) -> Result<Vec<Target>> {
    const WHAT: &str = "output columns";
    if columns.is_empty() {
        return Err(Error::malformed(WHAT, "at least one is needed to know the number of rows"));
    }
    if columns.len() != schema.fields().len() {
        let counts = format!("{} columns, {} fields", columns.len(), schema.fields().len());
        return Err(Error::malformed(WHAT, counts));
    }
    let mut targets = Vec::with_capacity(columns.len());
    for (index, (column, field)) in columns.iter().zip(schema.fields()).enumerate() {
        if column.data_type != *field.data_type() || column.nullable != field.is_nullable() {
            let reason = format!("column {index} and field {} differ", field.name());
            return Err(Error::malformed(WHAT, reason));
        }
        targets.push(Target::resolve(column)?);
    }
    Ok(targets)
}

fn int_width(data_type: &DataType) -> Option<IntWidth> {
    Some(match data_type {
        DataType::Int8 => IntWidth::I8,
        DataType::Int16 => IntWidth::I16,
        DataType::Int32 => IntWidth::I32,
        DataType::Int64 => IntWidth::I64,
        DataType::UInt8 => IntWidth::U8,
        DataType::UInt16 => IntWidth::U16,
        DataType::UInt32 => IntWidth::U32,
        DataType::UInt64 => IntWidth::U64,
        _ => return None,
    })
}

fn text_layout(data_type: &DataType) -> Option<StringLayout> {
    Some(match data_type {
        DataType::Utf8 => StringLayout::Small,
        DataType::LargeUtf8 => StringLayout::Large,
        DataType::Utf8View => StringLayout::View,
        _ => return None,
    })
}

fn bytes_layout(data_type: &DataType) -> Option<StringLayout> {
    Some(match data_type {
        DataType::Binary => StringLayout::Small,
        DataType::LargeBinary => StringLayout::Large,
        DataType::BinaryView => StringLayout::View,
        _ => return None,
    })
}

fn decimal(data_type: &DataType) -> Option<Target> {
    let (precision, scale, widest) = match *data_type {
        DataType::Decimal128(precision, scale) => (precision, scale, 38),
        DataType::Decimal256(precision, scale) => (precision, scale, 76),
        _ => return None,
    };
    let scale = u8::try_from(scale).ok()?;
    if precision == 0 || precision > widest || scale > precision {
        return None;
    }
    Some(if widest == 38 {
        Target::Decimal128 { precision, scale }
    } else {
        Target::Decimal256 { precision, scale }
    })
}

fn enumeration(field_type: &FieldType, data_type: &DataType) -> Option<Target> {
    let DataType::Dictionary(key, value) = data_type else { return None };
    let keys_suffice = field_type.elems.len() <= usize::from(u16::MAX);
    if **key != DataType::UInt16 || **value != DataType::Utf8 || !keys_suffice {
        return None;
    }
    let text: usize = field_type.elems.iter().map(String::len).sum();
    i32::try_from(text).ok()?;
    let members = field_type.elems.iter().map(String::as_str).chain([""]);
    Some(Target::Enum { dictionary: Arc::new(StringArray::from_iter_values(members)) })
}

fn set(field_type: &FieldType, data_type: &DataType) -> Option<Target> {
    let layout = text_layout(data_type)?;
    let members = Arc::from(field_type.elems.as_slice());
    (field_type.elems.len() <= 64).then_some(Target::Set { members, layout })
}
