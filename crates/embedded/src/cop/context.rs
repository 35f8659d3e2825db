//! What a request says about evaluation, and the warnings it gathers.

use chrono_tz::Tz;
use regex::Regex;
use tifusion_codec::time::Zone;
use tifusion_proto::tipb::{self, DagRequest};

use super::error::{CopError, EvalError, code};

/// Bits of a request's flags.
pub(super) mod flag {
    /// Truncation is silent.
    pub(crate) const IGNORE_TRUNCATE: u64 = 1;
    /// Truncation is a warning.
    pub(crate) const TRUNCATE_AS_WARNING: u64 = 1 << 1;
    /// The statement is an `INSERT`.
    pub(crate) const IN_INSERT: u64 = 1 << 3;
    /// The statement is an `UPDATE` or `DELETE`.
    pub(crate) const IN_UPDATE_OR_DELETE: u64 = 1 << 4;
    /// A number out of range is a warning.
    pub(crate) const OVERFLOW_AS_WARNING: u64 = 1 << 6;
    /// A division by zero is a warning.
    pub(crate) const DIVISION_AS_WARNING: u64 = 1 << 8;
    /// The statement is a `LOAD DATA`.
    pub(crate) const IN_LOAD_DATA: u64 = 1 << 10;
}

/// Bits of a request's SQL mode.
pub(super) mod mode {
    /// Strict for transactional tables, and for all: either makes the mode strict.
    pub(crate) const STRICT: u64 = 1 << 21 | 1 << 22;
    /// No dates with a zero month or day.
    pub(crate) const NO_ZERO_IN_DATE: u64 = 1 << 23;
    /// No zero date.
    pub(crate) const NO_ZERO_DATE: u64 = 1 << 24;
    /// Days that a month doesn't have are fine.
    pub(crate) const INVALID_DATES: u64 = 1 << 25;
    /// Division by zero fails.
    pub(crate) const DIVISION_BY_ZERO: u64 = 1 << 26;
}

/// Warnings kept when the request doesn't say how many.
const MAX_WARNINGS: usize = 64;
/// Digits that a division adds when the request doesn't say how many.
const DIVISION_DIGITS: u8 = 4;
/// Seconds of a day, which no offset reaches.
const DAY_SECONDS: i64 = 86_400;

/// A regular expression that was compiled.
#[derive(Debug, Clone)]
pub(crate) struct CompiledPattern {
    /// What it was compiled from.
    pub(crate) text: String,
    /// What it became.
    pub(crate) regex: Regex,
}

/// How expressions are evaluated, and what they complained about.
#[derive(Debug, Clone)]
pub(crate) struct EvalContext {
    /// The session's time zone.
    pub(crate) zone: Zone,
    /// Bits of [`flag`].
    pub(crate) flags: u64,
    /// Bits of [`mode`].
    pub(crate) sql_mode: u64,
    /// Digits after the point that a division adds.
    pub(crate) division_digits: u8,
    /// The first warnings.
    pub(crate) warnings: Vec<tipb::Error>,
    /// All warnings counted.
    pub(crate) warning_count: i64,
    /// The regular expression that was used last.
    pub(crate) pattern: Option<CompiledPattern>,
    /// How many warnings are kept.
    pub(crate) max_warnings: usize,
}

impl Default for EvalContext {
    fn default() -> Self {
        Self {
            zone: Zone::Utc,
            flags: 0,
            sql_mode: 0,
            division_digits: DIVISION_DIGITS,
            warnings: Vec::new(),
            warning_count: 0,
            pattern: None,
            max_warnings: MAX_WARNINGS,
        }
    }
}

impl EvalContext {
    /// What a request says; the zone's name counts before its offset.
    ///
    /// # Errors
    /// [`CopError::Other`] for a time zone that doesn't exist.
    pub(crate) fn new(request: &DagRequest) -> Result<Self, CopError> {
        let max_warnings = request.max_warning_count.and_then(|count| usize::try_from(count).ok());
        Ok(Self {
            zone: zone(request)?,
            flags: request.flags.unwrap_or_default(),
            sql_mode: request.sql_mode.unwrap_or_default(),
            division_digits: request
                .div_precision_increment
                .map_or(DIVISION_DIGITS, |digits| u8::try_from(digits).unwrap_or(u8::MAX)),
            max_warnings: max_warnings.unwrap_or(MAX_WARNINGS),
            ..Self::default()
        })
    }

    /// Whether a flag is set.
    pub(crate) fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }

    /// Whether a bit of the SQL mode is set.
    pub(crate) fn mode(&self, bits: u64) -> bool {
        self.sql_mode & bits != 0
    }

    /// Counts a warning, and keeps it if it is among the first.
    pub(crate) fn warn(&mut self, warning: EvalError) {
        self.warning_count += 1;
        if self.warnings.len() < self.max_warnings {
            // Only an error that ends the request has a number when MySQL has none.
            let number = if warning.code == code::OTHER { code::UNKNOWN } else { warning.code };
            self.warnings.push(EvalError { code: number, ..warning }.into());
        }
    }

    /// A value lost a part: silent, a warning or an error, by the flags.
    ///
    /// # Errors
    /// `error` itself.
    pub(crate) fn truncated(&mut self, error: EvalError) -> Result<(), EvalError> {
        if self.has(flag::IGNORE_TRUNCATE) {
            return Ok(());
        }
        if self.has(flag::TRUNCATE_AS_WARNING) {
            self.warn(error);
            return Ok(());
        }
        Err(error)
    }

    /// A number left its range: a warning or an error, by the flags.
    ///
    /// # Errors
    /// `error` itself.
    pub(crate) fn overflowed(&mut self, error: EvalError) -> Result<(), EvalError> {
        if self.has(flag::OVERFLOW_AS_WARNING) {
            self.warn(error);
            return Ok(());
        }
        Err(error)
    }

    /// A division by zero: silent, a warning or an error, by statement and mode.
    ///
    /// # Errors
    /// Error 1365.
    pub(crate) fn divided_by_zero(&mut self) -> Result<(), EvalError> {
        let error = EvalError::new(code::DIVISION_BY_ZERO, "Division by 0");
        if self.has(flag::IN_INSERT | flag::IN_UPDATE_OR_DELETE) {
            if !self.mode(mode::DIVISION_BY_ZERO) {
                return Ok(());
            }
            if self.mode(mode::STRICT) && !self.has(flag::DIVISION_AS_WARNING) {
                return Err(error);
            }
        }
        self.warn(error);
        Ok(())
    }

    /// A time that doesn't exist: a warning, an error in strict writes.
    ///
    /// # Errors
    /// `error` itself.
    pub(crate) fn invalid_time(&mut self, error: EvalError) -> Result<(), EvalError> {
        if self.mode(mode::STRICT) && self.has(flag::IN_INSERT | flag::IN_UPDATE_OR_DELETE) {
            return Err(error);
        }
        self.warn(error);
        Ok(())
    }

    /// Whether negative numbers become 0 when they are cast to an unsigned type.
    pub(crate) fn clips_to_zero(&self) -> bool {
        self.has(flag::IN_INSERT | flag::IN_LOAD_DATA)
    }
}

fn zone(request: &DagRequest) -> Result<Zone, CopError> {
    let unknown = |zone: String| {
        let message = format!("unknown or incorrect time zone: {zone}");
        CopError::plan(EvalError::new(code::UNKNOWN_TIME_ZONE, message).message)
    };
    let name = request.time_zone_name.as_deref().unwrap_or_default();
    if !name.is_empty() {
        if name.eq_ignore_ascii_case("utc") || name.eq_ignore_ascii_case("system") {
            return Ok(Zone::Utc);
        }
        return name.parse::<Tz>().map(Zone::Named).map_err(|_| unknown(name.to_owned()));
    }
    match request.time_zone_offset {
        None | Some(0) => Ok(Zone::Utc),
        Some(seconds) => i32::try_from(seconds)
            .ok()
            .filter(|_| seconds.abs() < DAY_SECONDS)
            .map(Zone::Fixed)
            .ok_or_else(|| unknown(format!("offset {seconds}s"))),
    }
}
