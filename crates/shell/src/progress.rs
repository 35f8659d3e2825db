//! How far a statement is, on standard error.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use console::Term;
use datafusion::physical_plan::ExecutionPlan;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use tifusion::ScanProgress;

/// How long a statement takes before its progress is shown.
const PATIENCE: Duration = Duration::from_millis(500);

/// Columns of the bar.
const COLUMNS: usize = 24;

/// How often it is shown anew.
pub(crate) const PACE: Duration = Duration::from_millis(100);

/// The line that tells how far a statement is; there is none where nobody sees it.
pub(crate) struct Progress {
    begin: Instant,
    bar: Option<ProgressBar>,
    plan: Option<Arc<dyn ExecutionPlan>>,
}

impl Progress {
    /// The progress of a statement that begins now; of none if it shall not be `shown`.
    pub(crate) fn begin(shown: bool) -> Self {
        let shown = shown && io::stderr().is_terminal();
        // The line is drawn as it is written here.
        let style = ProgressStyle::with_template("{msg}").ok().filter(|_| shown);
        let bar = style.map(|style| ProgressBar::hidden().with_style(style));
        Self { begin: Instant::now(), bar, plan: None }
    }

    /// How long the statement has taken so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Watches a plan from now on.
    pub(crate) fn watch(&mut self, plan: &Arc<dyn ExecutionPlan>) {
        self.plan = Some(Arc::clone(plan));
    }

    /// Draws the line, once the statement has taken a while.
    pub(crate) fn tick(&self) {
        let (Some(bar), elapsed) = (&self.bar, self.elapsed()) else { return };
        if elapsed < PATIENCE {
            return;
        }
        let progress = self.plan.as_ref().map(|plan| ScanProgress::of(plan.as_ref()));
        bar.set_message(line(progress, elapsed));
        if bar.is_hidden() {
            let terminal = Narrow(Term::stderr());
            bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(terminal)));
        }
        bar.tick();
    }

    /// Takes the line away, for something else is to be printed.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The terminal but for its last columns. There it echoes Ctrl-C, which would go to the next line if the
/// line of the progress were full, and the wrong line would be cleared.
#[derive(Debug)]
struct Narrow(Term);

/// Columns of `^C`, and one to spare.
const ECHO: u16 = 3;

impl TermLike for Narrow {
    fn width(&self) -> u16 {
        self.0.size().1.saturating_sub(ECHO)
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.0.write_line(s)
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.0.write_str(s)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The whole line: a bar where it is known how much there is to do, counts, time.
fn line(progress: Option<ScanProgress>, elapsed: Duration) -> String {
    let time = format!("{:.1} s", elapsed.as_secs_f64());
    let Some(progress) = progress.filter(|progress| progress.scans > 0) else { return time };
    let done = progress.tasks_done;
    let regions = match progress.tasks_expected() {
        Some(expected) => format!("{} {done}/{expected} regions", bar(done, expected)),
        None => format!("{done} regions"),
    };
    #[expect(clippy::cast_precision_loss, reason = "counts to look at")]
    let (rows, bytes) = (progress.rows as f64, progress.bytes as f64);
    let rate = rows / elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
    format!("{regions}, {} rows, {} rows/s, {}B, {time}", short(rows), short(rate), short(bytes))
}

/// `[=====>    ]`.
fn bar(done: usize, expected: usize) -> String {
    let full = done.min(expected) * COLUMNS / expected.max(1);
    let head = if full < COLUMNS { ">" } else { "" };
    format!("[{:<COLUMNS$}]", format!("{}{head}", "=".repeat(full)))
}

/// A number in three or four letters: `999`, `1.2k`, `35M`.
fn short(number: f64) -> String {
    let mut rest = number;
    for unit in ["", "k", "M", "G", "T"] {
        if rest < 999.5 || unit == "T" {
            let digits = usize::from(!unit.is_empty() && rest < 9.95);
            return format!("{rest:.digits$}{unit}");
        }
        rest /= 1000.0;
    }
    number.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (number, text) in [
            (0.0, "0"),
            (999.0, "999"),
            (999.6, "1.0k"),
            (1234.0, "1.2k"),
            (35_400_000.0, "35M"),
            (9_960_000.0, "10M"),
            (7.3e15, "7300T"),
        ] {
            assert_eq!(short(number), text);
        }
    }

    #[test]
    fn the_line_tells_regions_rows_and_rate() {
        let progress = ScanProgress {
            scans: 1,
            regions: Some(64),
            tasks: 20,
            tasks_done: 16,
            bytes: 2_500_000,
            rows: 30_000,
        };
        let shown = |progress| line(Some(progress), Duration::from_secs(2));
        let expected =
            "[======>                 ] 16/64 regions, 30k rows, 15k rows/s, 2.5MB, 2.0 s";
        assert_eq!(shown(progress), expected);
        let found = ScanProgress { regions: None, ..progress };
        assert_eq!(shown(found), "16 regions, 30k rows, 15k rows/s, 2.5MB, 2.0 s");
        assert_eq!(shown(ScanProgress { scans: 0, ..progress }), "2.0 s");
        assert_eq!(line(None, Duration::from_millis(600)), "0.6 s");
        assert_eq!(bar(7, 7), format!("[{}]", "=".repeat(COLUMNS)));
        assert_eq!(bar(0, 0), format!("[>{}]", " ".repeat(COLUMNS - 1)));
    }
}
