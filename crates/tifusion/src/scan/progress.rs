//! How far a running plan is.

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;

use super::TikvScanExec;

/// What the scans of a plan have done so far, added up. A plan that has not begun has done nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanProgress {
    /// Scans of tables of TiDB.
    pub scans: usize,
    /// Regions that they read, as known when the statement was planned; `None` when a scan finds its
    /// regions while it runs, as under a small limit.
    pub regions: Option<usize>,
    /// Coprocessor tasks begun: at least one per region, more where regions have buckets or were
    /// split meanwhile.
    pub tasks: usize,
    /// Tasks whose last answer is there.
    pub tasks_done: usize,
    /// Bytes of answers.
    pub bytes: usize,
    /// Rows handed on.
    pub rows: usize,
}

impl ScanProgress {
    /// The progress of all scans in `plan`.
    #[must_use]
    pub fn of(plan: &dyn ExecutionPlan) -> Self {
        let mut sum = Self { regions: Some(0), ..Self::default() };
        sum.add(plan);
        sum
    }

    /// Tasks that there are to do: one per region, or those that there turned out to be if these are
    /// more. `None` while that can't be known.
    #[must_use]
    pub fn tasks_expected(&self) -> Option<usize> {
        self.regions.map(|regions| regions.max(self.tasks))
    }

    fn add(&mut self, plan: &dyn ExecutionPlan) {
        if let Some(scan) = plan.downcast_ref::<TikvScanExec>() {
            self.scans += 1;
            self.regions = self.regions.zip(scan.regions()).map(|(sum, more)| sum + more);
            self.count(&scan.metrics().unwrap_or_default());
        }
        for child in plan.children() {
            self.add(child.as_ref());
        }
    }

    fn count(&mut self, metrics: &MetricsSet) {
        let sum = |name: &str| metrics.sum_by_name(name).map_or(0, |value| value.as_usize());
        self.tasks += sum("tasks");
        self.tasks_done += sum("tasks_done");
        self.bytes += sum("bytes");
        self.rows += metrics.output_rows().unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_expected_by_regions_until_there_are_more() {
        let progress = ScanProgress { regions: Some(10), tasks: 4, ..ScanProgress::default() };
        assert_eq!(progress.tasks_expected(), Some(10));
        assert_eq!(ScanProgress { tasks: 12, ..progress }.tasks_expected(), Some(12));
        assert_eq!(ScanProgress { regions: None, ..progress }.tasks_expected(), None);
    }
}
