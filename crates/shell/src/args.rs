//! The command line.

use std::path::PathBuf;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use datafusion_cli::print_options::MaxRows;

use crate::output::Format;

const EXAMPLES: &str = "\
Examples:
  Look around in a cluster:
    tifusion --pd 127.0.0.1:2379 --db shop

  Try it without one. The cluster runs in this process; in this mode the shell also takes CREATE
  DATABASE, CREATE TABLE and INSERT … VALUES in TiDB's SQL, and gives them to that cluster:
    tifusion --embedded
    tifusion --embedded ./data -c 'CREATE TABLE t (id BIGINT PRIMARY KEY, name VARCHAR(20))'

  See what is wrong with a cluster, or with the way to it:
    tifusion doctor --pd 127.0.0.1:2379

  Have queries run on several machines (docs/ballista.md):
    tifusion --config tifusion.toml --ballista df://scheduler:50050

  A report into a file, from a file:
    tifusion --config tifusion.toml -f report.sql --format csv > report.csv

  Join a table of TiDB with Parquet files, here or in S3, GCS or behind HTTP. Tables of the session
  itself are in the catalog `datafusion`, schema `public`:
    tifusion -c \"CREATE EXTERNAL TABLE datafusion.public.visits
                   STORED AS PARQUET LOCATION 's3://bucket/visits/'\" \\
             -c 'SELECT c.name, count(*) FROM shop.customers c
                   JOIN datafusion.public.visits v ON v.customer = c.id GROUP BY c.name'

All keys for -o are in configs/tifusion.toml. The history of the prompt is kept in the user's data
folder, or in the file that TIFUSION_HISTORY names.

Exit status: 0 if all went well, 1 when a statement failed (those behind it have not run), 2 for a
wrong command line, 130 after Ctrl-C.";

/// SQL over a TiDB cluster: a prompt, or a script.
#[derive(Debug, Parser)]
#[command(name = "tifusion", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) action: Option<Action>,
    /// Endpoints of PD, separated by commas [default: 127.0.0.1:2379]
    #[arg(long, value_name = "ADDR", conflicts_with = "embedded", global = true)]
    pub(crate) pd: Option<String>,
    /// Start a cluster in this process: in memory, or kept in DIR
    #[arg(long, value_name = "DIR", num_args = 0..=1, global = true)]
    #[expect(clippy::option_option, reason = "absent, without a folder, with one")]
    pub(crate) embedded: Option<Option<PathBuf>>,
    /// Run queries on the Ballista cluster whose scheduler is at this address (df://host:port)
    #[arg(long, value_name = "URL", conflicts_with = "embedded")]
    pub(crate) ballista: Option<String>,
    /// An option of the configuration; may be given several times
    #[arg(short = 'o', value_name = "KEY=VALUE", global = true)]
    pub(crate) options: Vec<String>,
    /// A file with options, in TOML; --pd, --embedded and -o go before it
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// The database of names without one [default: test]
    #[arg(long, value_name = "DATABASE")]
    pub(crate) db: Option<String>,
    /// Run these statements and end; may be given several times
    #[arg(short = 'c', long = "command", value_name = "SQL")]
    commands: Vec<String>,
    /// Run the statements of a file and end; may be given several times
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Most rows of a table that are printed, `none` for all [default: 40 at the prompt, else all]
    #[arg(long, value_name = "ROWS")]
    pub(crate) maxrows: Option<MaxRows>,
    /// Print results and errors only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// What -c and -f ask for, in their order
    #[arg(skip)]
    pub(crate) jobs: Vec<Job>,
}

/// What to do instead of running SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum Action {
    /// Look the cluster over, and say what to mend; exit status 1 if something does not work
    Doctor,
}

/// A script to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Job {
    /// What `-c` gives.
    Sql(String),
    /// What `-f` names.
    File(PathBuf),
    /// Standard input.
    StandardInput,
}

impl Arguments {
    /// The process's own; ends it when they are wrong or ask for help.
    pub(crate) fn from_command_line() -> Self {
        Self::parsed(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    fn parsed<T>(words: impl IntoIterator<Item = T>) -> Result<Self, clap::Error>
    where
        T: Into<std::ffi::OsString> + Clone,
    {
        let matches = Self::command().try_get_matches_from(words)?;
        let mut arguments = Self::from_arg_matches(&matches)?;
        let places = |id| matches.indices_of(id).into_iter().flatten();
        let commands = arguments.commands.drain(..).map(Job::Sql);
        let files = arguments.files.drain(..).map(Job::File);
        let mut jobs: Vec<(usize, Job)> = places("commands").zip(commands).collect();
        jobs.extend(places("files").zip(files));
        jobs.sort_by_key(|(place, _)| *place);
        arguments.jobs = jobs.into_iter().map(|(_, job)| job).collect();
        Ok(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &str) -> Result<Arguments, clap::Error> {
        Arguments::parsed(std::iter::once("tifusion").chain(words.split_whitespace()))
    }

    #[test]
    fn jobs_keep_the_order_in_which_they_are_given() {
        let arguments = parsed("-c one -f two.sql --db x -c three").unwrap();
        let expected =
            [Job::Sql("one".into()), Job::File("two.sql".into()), Job::Sql("three".into())];
        assert_eq!(arguments.jobs, expected);
    }

    #[test]
    fn an_embedded_cluster_may_have_a_folder_and_no_other_cluster() {
        assert_eq!(parsed("").unwrap().embedded, None);
        assert_eq!(parsed("--embedded").unwrap().embedded, Some(None));
        assert_eq!(parsed("--embedded -q").unwrap().embedded, Some(None));
        assert_eq!(parsed("--embedded d").unwrap().embedded, Some(Some("d".into())));
        assert!(parsed("--embedded --pd pd:2379").is_err());
    }

    #[test]
    fn queries_run_on_other_machines_unless_the_cluster_is_in_this_process() {
        let url = "df://scheduler:50050";
        let arguments = parsed(&format!("--ballista {url} --pd pd:2379")).unwrap();
        assert_eq!(arguments.ballista.as_deref(), Some(url));
        assert!(parsed(&format!("--ballista {url} --embedded")).is_err());
    }

    #[test]
    fn the_doctor_takes_the_cluster_from_either_side() {
        for words in ["doctor --pd pd:2379", "--pd pd:2379 doctor"] {
            let arguments = parsed(words).unwrap();
            assert_eq!(arguments.action, Some(Action::Doctor), "{words}");
            assert_eq!(arguments.pd.as_deref(), Some("pd:2379"), "{words}");
        }
        assert_eq!(parsed("doctor --embedded").unwrap().embedded, Some(None));
        assert_eq!(parsed("-q").unwrap().action, None);
        assert!(parsed("doktor").is_err());
    }

    #[test]
    fn formats_and_rows_are_read() {
        assert_eq!(parsed("--format nd-json").unwrap().format, Format::NdJson);
        assert_eq!(parsed("--format vertical").unwrap().format, Format::Vertical);
        assert_eq!(parsed("--maxrows none").unwrap().maxrows, Some(MaxRows::Unlimited));
        assert_eq!(parsed("--maxrows 7").unwrap().maxrows, Some(MaxRows::Limited(7)));
        assert!(parsed("--maxrows some").is_err());
        assert!(parsed("--format xml").is_err());
    }
}
