//! The time of a statement, as a column has it.

use tifusion_client::Timestamp;
use tifusion_codec::FieldType;
use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::tp;
use tifusion_codec::time::{CoreTime, TimeKind};

use crate::config::Settings;
use crate::error::Result;

/// The time of a statement's snapshot, cut to `fsp` fraction digits: in UTC for a `TIMESTAMP`, in the
/// session's zone for a `DATETIME` or `DATE`.
///
/// # Errors
/// When it is out of range.
pub(super) fn datum(
    start_ts: Timestamp,
    field_type: &FieldType,
    fsp: u8,
    settings: &Settings,
) -> Result<Datum<'static>> {
    let fsp = fsp.min(6);
    let unit = 10_i64.pow(u32::from(6 - fsp));
    let millis = i64::try_from(start_ts.physical_ms()).unwrap_or(i64::MAX);
    let mut micros = millis.saturating_mul(1000) / unit * unit;
    if field_type.tp != tp::TIMESTAMP {
        micros = settings.time_zone.zone().utc_to_wall_micros(micros);
    }
    let kind = if field_type.tp == tp::DATE { TimeKind::Date } else { TimeKind::DateTime };
    Ok(Datum::UInt(CoreTime::from_micros(micros, kind, fsp)?.to_packed()))
}
