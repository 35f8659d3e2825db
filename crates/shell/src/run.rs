//! Running one statement: where it goes, watching it, cancelling it, printing what it gives.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use futures::StreamExt as _;
use tifusion::Statement;
use tokio::time::MissedTickBehavior;

use crate::embedded;
use crate::mark::{self, Problem, Source};
use crate::output::{Printed, Printer};
use crate::progress::{PACE, Progress};
use crate::script::{self, Piece};
use crate::session::Shell;
use crate::stores;

/// How a statement or a script ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Well.
    Done,
    /// With an error, which was told.
    Failed,
    /// By Ctrl-C.
    Cancelled,
    /// By whoever reads the output, such as `head`, and has had enough.
    Unread,
}

/// Where a script is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A line: the prompt, the command line.
    Line,
    /// Text without a name.
    Script,
    /// A file.
    File(String),
}

impl Shell {
    /// Runs the statements of a script, to the first that does not end well.
    pub(crate) async fn script(&mut self, text: &str, origin: &Origin) -> Ended {
        // Statements may change the dialect, which then holds for those that come after the script.
        for piece in script::split(text, &*self.dialect()) {
            let ended = self.statement(&piece, origin).await;
            if ended != Ended::Done {
                return ended;
            }
        }
        Ended::Done
    }

    /// Runs a statement until it ends or Ctrl-C is pressed. What it was doing on the stores then is
    /// cancelled, because it is dropped.
    async fn statement(&mut self, piece: &Piece, origin: &Origin) -> Ended {
        let ended = tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => None,
            result = self.run(&piece.text) => Some(result),
        };
        match ended {
            Some(Ok(())) => Ended::Done,
            None => {
                // Nobody may be there to read it.
                let _ = writeln!(io::stderr(), "cancelled");
                Ended::Cancelled
            }
            Some(Err(problem)) if problem.is_broken_pipe => Ended::Unread,
            Some(Err(problem)) => {
                let file = match origin {
                    Origin::File(name) => Some(name.as_str()),
                    Origin::Script | Origin::Line => None,
                };
                mark::tell_in(&problem, Source { sql: &piece.text, file, line: piece.line });
                Ended::Failed
            }
        }
    }

    async fn run(&self, sql: &str) -> Result<(), Problem> {
        let mut progress = Progress::begin(!self.look.quiet);
        if let Some(cluster) = self.cluster.as_ref().filter(|_| embedded::is_for_cluster(sql)) {
            embedded::execute(cluster, self.database().as_deref(), sql).await?;
            self.say(Printed::default(), progress.elapsed());
            return Ok(());
        }
        for statement in self.context.parse(sql)? {
            let printed = self.print(statement, &mut progress).await?;
            self.say(printed, progress.elapsed());
        }
        Ok(())
    }

    /// The current database in TiDB, if the current schema is one.
    fn database(&self) -> Option<String> {
        let (catalog, schema) = self.defaults();
        let config = self.context.config();
        let name = schema.strip_prefix(&config.settings().db_prefix)?;
        (catalog == config.catalog()).then(|| name.to_owned())
    }

    /// Runs a statement and prints its result; the line of its progress goes before that does.
    async fn print(
        &self,
        statement: Statement,
        progress: &mut Progress,
    ) -> Result<Printed, Problem> {
        let session = self.context.session_context();
        let mut ticks = tokio::time::interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let planned = {
            let planning = async {
                if let Some(statement) = statement.as_datafusion() {
                    stores::register(session, statement).await?;
                }
                Ok::<_, Problem>(self.context.prepare(statement.clone()).await?)
            };
            tokio::pin!(planning);
            loop {
                tokio::select! {
                    planned = &mut planning => break planned?,
                    _ = ticks.tick() => progress.tick(),
                }
            }
        };
        progress.watch(planned.plan());
        let state = session.state();
        let options = &state.config_options().format;
        let look = self.look;
        let mut printer = Printer::new(look.format, planned.schema(), look.maxrows, options);
        // Rows that go into a file don't disturb the line, those on the screen do.
        let shares_screen = printer.is_streaming() && io::stdout().is_terminal();
        let mut rows = planned.execute()?;
        loop {
            tokio::select! {
                batch = rows.next() => {
                    let Some(batch) = batch else { break };
                    let batch = batch?;
                    if shares_screen && batch.num_rows() > 0 {
                        progress.clear();
                    }
                    printer.batch(&batch)?;
                }
                _ = ticks.tick() => progress.tick(),
            }
        }
        progress.clear();
        printer.finish()
    }

    /// Says how many rows there were and how long it took: at the prompt, or to somebody who watches a
    /// script.
    fn say(&self, printed: Printed, elapsed: Duration) {
        if self.look.quiet {
            return;
        }
        let line = summary(printed, self.look.timing.then_some(elapsed));
        // Whoever has gone needs no summary.
        if self.look.interactive {
            let _ = writeln!(io::stdout(), "{line}\n");
        } else if io::stderr().is_terminal() {
            let _ = writeln!(io::stderr(), "{line}");
        }
    }
}

fn summary(printed: Printed, elapsed: Option<Duration>) -> String {
    let mut line = match printed {
        Printed { has_columns: false, .. } => "OK".to_owned(),
        Printed { rows: 1, .. } => "1 row in set".to_owned(),
        Printed { rows, shown, .. } if shown < rows => format!("{rows} rows in set, {shown} shown"),
        Printed { rows, .. } => format!("{rows} rows in set"),
    };
    if let Some(elapsed) = elapsed {
        line.push_str(&format!(", {:.3} s", elapsed.as_secs_f64()));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_rows_and_time() {
        let printed = |rows, shown| Printed { has_columns: true, rows, shown };
        let elapsed = Some(Duration::from_millis(12));
        assert_eq!(summary(printed(3, 3), elapsed), "3 rows in set, 0.012 s");
        assert_eq!(summary(printed(1, 1), elapsed), "1 row in set, 0.012 s");
        assert_eq!(summary(printed(0, 0), None), "0 rows in set");
        assert_eq!(summary(printed(99, 40), None), "99 rows in set, 40 shown");
        assert_eq!(summary(Printed::default(), elapsed), "OK, 0.012 s");
    }
}
