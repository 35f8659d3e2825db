//! What expressions are lowered over: the columns of a scan, and what the session and the cluster say.

use std::sync::Arc;

use tifusion_codec::FieldType;
use tifusion_codec::field_type::{flag, tp};
use tifusion_schema::domain::number_range;

use super::blacklist::Blacklist;
use super::build::Build;
use super::capability::{Capability, Kind};
use super::refusal::{NO_TIFLASH, Reason};
use super::sql_text::SqlText;
use super::table::{find, is_for_tiflash};
use super::ty::{IntRange, RealRange, Ty};
use crate::config::ZeroDate;

/// Character sets whose text the stores keep as UTF-8, and compare as it is.
const CHARSETS: [&str; 5] = ["", "ascii", "latin1", "utf8", "utf8mb4"];

/// Columns and circumstances.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// How expressions are put together for the cluster.
    pub(super) build: Build,
    /// What may not be pushed down.
    pub(super) blacklist: Arc<Blacklist>,
    /// What a date becomes that no calendar has.
    pub(super) zero_date: ZeroDate,
    /// Whether the session's zone is UTC, as the requests' is.
    pub(super) is_utc: bool,
    /// How expressions are written where they go to TiDB as SQL.
    pub(super) sql: Option<Arc<SqlText>>,
    /// Whether TiFlash evaluates them.
    on_tiflash: bool,
    columns: Vec<(String, Result<Ty, Reason>)>,
}

/// The circumstances of a [`Scope`].
#[derive(Debug, Clone)]
pub(crate) struct Circumstances {
    /// Whether the cluster's strings compare by the new collations.
    pub(crate) new_collation: bool,
    /// What a date becomes that no calendar has.
    pub(crate) zero_date: ZeroDate,
    /// Whether the session's zone is UTC.
    pub(crate) is_utc: bool,
    /// What may not be pushed down.
    pub(crate) blacklist: Arc<Blacklist>,
}

impl Scope {
    /// Over a scan's columns, in their order.
    pub(crate) fn new<'a>(
        columns: impl IntoIterator<Item = (&'a str, &'a FieldType)>,
        circumstances: Circumstances,
    ) -> Self {
        let Circumstances { new_collation, zero_date, is_utc, blacklist } = circumstances;
        let columns = columns
            .into_iter()
            .map(|(name, field_type)| (name.to_owned(), column_type(field_type)))
            .collect();
        let build = Build::new(new_collation);
        Self { build, blacklist, zero_date, is_utc, sql: None, on_tiflash: false, columns }
    }

    /// Over no columns, with nothing that may be pushed down.
    pub(crate) fn none() -> Self {
        let circumstances = Circumstances {
            new_collation: true,
            zero_date: ZeroDate::default(),
            is_utc: true,
            blacklist: Arc::new(Blacklist::new(&[], None)),
        };
        Self::new([], circumstances)
    }

    /// The same for expressions that go to TiDB as SQL.
    pub(crate) fn for_sql(self, sql: Arc<SqlText>) -> Self {
        Self { sql: Some(sql), ..self }
    }

    /// The same for expressions that TiFlash evaluates.
    pub(crate) fn for_tiflash(self) -> Self {
        Self { on_tiflash: true, ..self }
    }

    /// Why nothing is made of `row` of the table.
    pub(super) fn refuses(&self, row: &Capability) -> Option<Reason> {
        let blocked = self.blacklist.blocks(row).map(Reason::Blocked);
        blocked.or_else(|| (self.on_tiflash && !is_for_tiflash(row)).then_some(NO_TIFLASH))
    }

    /// Place and type of a column.
    ///
    /// # Errors
    /// Why it can't be computed with.
    pub(super) fn column(&self, name: &str) -> Result<(usize, Ty), Reason> {
        let found = self.columns.iter().enumerate().find(|(_, (known, _))| known == name);
        let Some((offset, (_, ty))) = found else {
            return Err(Reason::Special("the scan does not read the column"));
        };
        Ok((offset, ty.clone()?))
    }
}

fn column_type(field_type: &FieldType) -> Result<Ty, Reason> {
    let never = |kind| find("column", kind).map_or(Reason::Unknown, Reason::Table);
    Ok(match field_type.tp {
        tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG => {
            Ty::Int(integers(field_type).ok_or(Reason::Unknown)?)
        }
        tp::YEAR => Ty::Int(IntRange { unsigned: true, plain: false, ..IntRange::signed(0, 2155) }),
        tp::FLOAT => Ty::Real(RealRange::up_to(f64::from(f32::MAX))),
        tp::DOUBLE => Ty::Real(RealRange::up_to(f64::MAX)),
        tp::NEW_DECIMAL => {
            let precision = if field_type.flen <= 0 { 10 } else { field_type.flen };
            let digits = |digits: i64| u8::try_from(digits).map_err(|_| Reason::Unknown);
            let (precision, scale) = (digits(precision)?, digits(field_type.decimal.max(0))?);
            Ty::Decimal { precision, scale }
        }
        tp::DATE => Ty::Date,
        tp::DATETIME => Ty::DateTime,
        tp::TIMESTAMP => Ty::Timestamp,
        tp::DURATION => Ty::Time,
        tp::ENUM => return Err(never(Kind::Enum)),
        tp::SET => return Err(never(Kind::Set)),
        tp::BIT => return Err(never(Kind::Bit)),
        tp::JSON => return Err(never(Kind::Json)),
        tp::TIDB_VECTOR_FLOAT32 => return Err(never(Kind::Vector)),
        _ if field_type.is_binary_string() => Ty::Bytes,
        _ if field_type.is_string() && CHARSETS.contains(&field_type.charset.as_str()) => Ty::Text,
        _ if field_type.is_string() => {
            return Err(Reason::Special("text of this character set is not compared in the store"));
        }
        _ => return Err(Reason::Unknown),
    })
}

fn integers(field_type: &FieldType) -> Option<IntRange> {
    let (low, high) = number_range(field_type)?;
    let (unsigned, plain) = (field_type.is_unsigned(), field_type.flag & flag::ZEROFILL == 0);
    Some(IntRange { low, high, unsigned, plain })
}
