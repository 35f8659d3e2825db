//! How much the scans of a statement may read where it is planned.

use std::error::Error as StdError;
use std::fmt;

use datafusion::error::DataFusionError;
use parking_lot::Mutex;

/// Rows that all scans of a plan may be expected to read, together. Left in the configuration that a plan is made with,
/// it ends the planning at the scan of which more is expected, or nobody knows what: before the regions of a large table
/// are looked up.
#[derive(Debug)]
pub(crate) struct Allowance {
    most: u64,
    taken: Mutex<u64>,
}

impl Allowance {
    /// Fewer than so many rows.
    pub(crate) fn below(rows: u64) -> Self {
        Self { most: rows.saturating_sub(1), taken: Mutex::new(0) }
    }

    /// What all scans so far are expected to read.
    pub(crate) fn taken(&self) -> u64 {
        *self.taken.lock()
    }

    /// A scan is a part of the plan that reads `rows`, or ends after `limit` of them.
    ///
    /// # Errors
    /// [`TooMuch`].
    pub(crate) fn take(&self, rows: Option<u64>, limit: Option<usize>) -> Result<(), TooMuch> {
        let limit = limit.and_then(|limit| u64::try_from(limit).ok());
        let most = rows.into_iter().chain(limit).min();
        let mut taken = self.taken.lock();
        let all = most.and_then(|most| taken.checked_add(most));
        *taken = all.filter(|all| *all <= self.most).ok_or(TooMuch)?;
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
        allowance.take(Some(4), None).unwrap();
        allowance.take(Some(5), Some(100)).unwrap();
        allowance.take(Some(0), None).unwrap();
        allowance.take(Some(1), None).unwrap_err();
        assert_eq!(allowance.taken(), 9);
        Allowance::below(10).take(Some(10), None).unwrap_err();
        Allowance::below(0).take(Some(1), None).unwrap_err();
    }

    #[test]
    fn a_limit_is_known_where_nothing_else_is() {
        Allowance::below(10).take(None, None).unwrap_err();
        Allowance::below(10).take(None, Some(9)).unwrap();
        Allowance::below(10).take(None, Some(10)).unwrap_err();
        Allowance::below(10).take(Some(1 << 40), Some(9)).unwrap();
    }

    #[test]
    fn it_is_known_in_what_is_said_around_it() {
        let error = DataFusionError::from(TooMuch).context("planning");
        assert!(TooMuch::is_why(&error), "{error}");
        assert!(!TooMuch::is_why(&DataFusionError::Plan("something else".to_owned())));
    }
}
