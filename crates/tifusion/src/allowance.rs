//! How much the scans of a statement may read where it is planned.

use std::error::Error as StdError;
use std::fmt;

use datafusion::error::DataFusionError;
use parking_lot::Mutex;

/// Rows that all scans of a plan may be expected to find, together. Left in the configuration that a plan is made with,
/// it ends the planning at the scan of which more is expected, or nobody knows what: before the regions of a large table
/// are looked up.
#[derive(Debug)]
pub(crate) struct Allowance(Mutex<u64>);

impl Allowance {
    /// Fewer than so many rows.
    pub(crate) fn below(rows: u64) -> Self {
        Self(Mutex::new(rows.saturating_sub(1)))
    }

    /// A scan of which `rows` are expected is a part of the plan.
    ///
    /// # Errors
    /// [`TooMuch`].
    pub(crate) fn take(&self, rows: Option<u64>) -> Result<(), TooMuch> {
        let mut left = self.0.lock();
        *left = rows.and_then(|rows| left.checked_sub(rows)).ok_or(TooMuch)?;
        Ok(())
    }
}

/// More is to be read than is allowed, or nobody knows how much.
#[derive(Debug)]
pub(crate) struct TooMuch;

impl TooMuch {
    /// Whether a plan was not made for this reason.
    pub(crate) fn is_why(error: &DataFusionError) -> bool {
        matches!(error.find_root(), DataFusionError::External(error) if error.is::<Self>())
    }
}

impl fmt::Display for TooMuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("more is to be read than is planned for")
    }
}

impl StdError for TooMuch {}

impl From<TooMuch> for DataFusionError {
    fn from(error: TooMuch) -> Self {
        Self::External(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_share_what_is_allowed() {
        let allowance = Allowance::below(10);
        allowance.take(Some(4)).unwrap();
        allowance.take(Some(5)).unwrap();
        allowance.take(Some(0)).unwrap();
        allowance.take(Some(1)).unwrap_err();
        Allowance::below(10).take(Some(10)).unwrap_err();
        Allowance::below(10).take(None).unwrap_err();
        Allowance::below(0).take(Some(1)).unwrap_err();
    }

    #[test]
    fn it_is_known_in_what_is_said_around_it() {
        let error = DataFusionError::from(TooMuch).context("planning");
        assert!(TooMuch::is_why(&error), "{error}");
        assert!(!TooMuch::is_why(&DataFusionError::Plan("something else".to_owned())));
    }
}
