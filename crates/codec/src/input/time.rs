//! `DATE`, `DATETIME` and `TIMESTAMP`.

use super::error::Refusal;
use super::value::{InputValue, Moment};
use super::{number_text, time_number, time_text};
use crate::decimal::Decimal;
use crate::time::{
    CoreTime, FIRST_TIMESTAMP_MICROS, LAST_TIMESTAMP_MICROS, MICROS_PER_DAY, MICROS_PER_SECOND,
    TimeKind, Zone,
};

/// A column of times.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeTarget {
    pub(super) kind: TimeKind,
    pub(super) fsp: u8,
}

impl TimeTarget {
    /// The packed time; a `TIMESTAMP`'s is of UTC.
    pub(super) fn convert(self, value: &InputValue<'_>, zone: Zone) -> Result<u64, Refusal> {
        let wall = match value {
            InputValue::Timestamp(moment) if self.kind == TimeKind::Timestamp => {
                return self.point(moment.micros, *moment);
            }
            InputValue::Text(text) => self.read(text, zone)?,
            InputValue::Bytes(bytes) => self.read(number_text::of_bytes(bytes)?, zone)?,
            InputValue::Int(number) => time_number::parse(*number)?,
            InputValue::UInt(number) => {
                time_number::parse(i64::try_from(*number).map_err(|_| Refusal::InvalidTime)?)?
            }
            InputValue::Decimal(value) => {
                time_number::parse_decimal(value, self.fsp, |time| self.next_second(time, zone))?
            }
            other => {
                let wall = Wall::of(other, zone)?.ok_or(Refusal::Unsupported)?;
                return self.of_wall(wall, zone);
            }
        };
        self.pack(wall, zone)
    }

    /// A `DATE` loses the time of day, other times are rounded.
    fn of_wall(self, wall: Wall, zone: Zone) -> Result<u64, Refusal> {
        match self.kind {
            TimeKind::Date => self.pack(wall.cut()?, zone),
            TimeKind::DateTime => self.pack(wall.rounded(self.fsp)?, zone),
            // First to a point in time, which has to exist, then rounded.
            TimeKind::Timestamp => self.point(to_utc(wall.moment.micros, zone)?, wall.moment),
        }
    }

    fn read(self, text: &str, zone: Zone) -> Result<CoreTime, Refusal> {
        time_text::parse(text, self.fsp, zone, |time| self.next_second(time, zone))
    }

    /// The second behind a wall time.
    fn next_second(self, time: CoreTime, zone: Zone) -> Result<CoreTime, Refusal> {
        let micros = time.to_micros().map_err(|_| Refusal::InvalidTime)?;
        let next = if self.kind == TimeKind::Timestamp {
            zone.utc_to_wall_micros(to_utc(micros, zone)?.saturating_add(MICROS_PER_SECOND))
        } else {
            micros.saturating_add(MICROS_PER_SECOND)
        };
        CoreTime::from_micros(next, time.kind, time.fsp).map_err(|_| Refusal::InvalidTime)
    }

    /// Packs a wall time, which has to be on the calendar.
    fn pack(self, wall: CoreTime, zone: Zone) -> Result<u64, Refusal> {
        let micros = wall.to_micros().map_err(|_| Refusal::InvalidTime)?;
        match self.kind {
            TimeKind::DateTime => Ok(wall.to_packed()),
            TimeKind::Date => {
                let date = wall.with_kind(TimeKind::Date).map_err(|_| Refusal::InvalidTime)?;
                Ok(date.to_packed())
            }
            TimeKind::Timestamp => self.point(to_utc(micros, zone)?, Moment::from_micros(micros)),
        }
    }

    /// Packs a point in time: microseconds of UTC, and the moment that has the rest of them.
    fn point(self, utc: i64, rest: Moment) -> Result<u64, Refusal> {
        let moment = Moment { micros: utc, ..rest };
        let is_known =
            |micros: i64| (FIRST_TIMESTAMP_MICROS..=LAST_TIMESTAMP_MICROS).contains(&micros);
        let rounded = moment.round(self.fsp).filter(|rounded| is_known(*rounded) && is_known(utc));
        let rounded = rounded.ok_or(Refusal::InvalidTime)?;
        let time = CoreTime::from_micros(rounded, TimeKind::Timestamp, self.fsp);
        time.map(CoreTime::to_packed).map_err(|_| Refusal::InvalidTime)
    }
}

/// The point in time at which the zone's clocks show a wall time.
fn to_utc(wall: i64, zone: Zone) -> Result<i64, Refusal> {
    let utc = zone.wall_to_utc_micros(wall).map_err(|_| Refusal::Nonexistent)?;
    if zone.utc_to_wall_micros(utc) == wall { Ok(utc) } else { Err(Refusal::Nonexistent) }
}

/// A wall time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wall {
    /// The wall time, or the point in time at which `zone` has it.
    moment: Moment,
    zone: Option<Zone>,
    /// The time with the digits that its type has.
    pub(super) time: CoreTime,
}

impl Wall {
    /// The wall time that a value is or, in the session's zone, has; `None` for other values.
    pub(super) fn of(value: &InputValue<'_>, zone: Zone) -> Result<Option<Self>, Refusal> {
        let (moment, zone, kind) = match value {
            InputValue::Date(days) => {
                let micros = days.checked_mul(MICROS_PER_DAY).ok_or(Refusal::OutOfRange)?;
                (Moment { micros, nanos: 0, fsp: 0 }, None, TimeKind::Date)
            }
            InputValue::DateTime(moment) => (*moment, None, TimeKind::DateTime),
            InputValue::Timestamp(moment) => (*moment, Some(zone), TimeKind::Timestamp),
            _ => return Ok(None),
        };
        let time = CoreTime { kind, ..CoreTime::default() };
        let mut wall = Self { moment, zone, time };
        wall.time = wall.rounded(moment.fsp)?;
        Ok(Some(wall))
    }

    /// The time with `fsp` digits after the point; a point in time is rounded before it is shown.
    pub(super) fn rounded(&self, fsp: u8) -> Result<CoreTime, Refusal> {
        let micros = self.moment.round(fsp).ok_or(Refusal::OutOfRange)?;
        CoreTime::from_micros(self.shown(micros), self.time.kind, fsp)
            .map_err(|_| Refusal::OutOfRange)
    }

    /// The time with the microseconds that were full then: of which day and year it was.
    pub(super) fn cut(&self) -> Result<CoreTime, Refusal> {
        CoreTime::from_micros(self.shown(self.moment.micros), self.time.kind, 6)
            .map_err(|_| Refusal::OutOfRange)
    }

    /// The time of day.
    pub(super) fn time_of_day(&self) -> Moment {
        let micros = self.shown(self.moment.micros).rem_euclid(MICROS_PER_DAY);
        Moment { micros, ..self.moment }
    }

    /// Its digits in a row, as a number: `20240229`, `20240229123456.789`.
    pub(super) fn decimal(&self) -> Result<Decimal, Refusal> {
        time_number::decimal(&self.time)
    }

    /// Microseconds as the clocks show them.
    fn shown(&self, micros: i64) -> i64 {
        self.zone.map_or(micros, |zone| zone.utc_to_wall_micros(micros))
    }
}
