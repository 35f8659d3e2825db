//! What begins with a backslash.

use datafusion_cli::command::{Command as CliCommand, OutputFormat};
use datafusion_cli::print_options::MaxRows;

use crate::output::Format;
use clap::ValueEnum as _;

/// A command of the prompt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    /// `\q`
    Quit,
    /// `\?`
    Help,
    /// `\d`
    Tables,
    /// `\d table`
    Describe(String),
    /// `\i file`
    Include(String),
    /// `\h`, `\h statement`
    Syntax(Option<String>),
    /// `\quiet on|off`; without a word it is changed to the other
    Quiet(Option<bool>),
    /// `\timing on|off`; without a word it is changed to the other
    Timing(Option<bool>),
    /// `\maxrows`
    MaxRows(MaxRows),
    /// `\pset format`
    Format(Format),
    /// `\pset`
    ShowFormat,
}

/// What `\?` tells.
pub(crate) const HELP: &str = r"\d                  list the tables of the current database
\d TABLE            describe a table
\h, \h STATEMENT    list the statements, or show one's syntax
\i FILE             run a file
\maxrows N|none     print so many rows of a table at most
\pset format FORMAT table, csv, tsv, json, nd-json or vertical
\quiet [on|off]     print results and errors only
\timing [on|off]    say how long statements take
\q                  quit
\?                  this help
Statements end with a semicolon. Ctrl-C cancels the one that runs, or clears the line; Tab completes.
SHOW DATABASES | TABLES | COLUMNS FROM t | CREATE TABLE t | INDEXES FROM t | STATS; USE db;
EXPLAIN [ANALYZE] …; SHOW ALL lists the options, SET tidb.<key> = … changes one.";

impl Command {
    /// Reads a line that begins with a backslash.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let unknown = || format!("{words} is no command: \\? lists those there are");
        let text = words.strip_prefix('\\').ok_or_else(unknown)?;
        let text = text.trim_end_matches(';').trim_end();
        if let Some(own) = Self::own(text) {
            return own;
        }
        Ok(match text.parse::<CliCommand>().map_err(|()| unknown())? {
            CliCommand::Quit => Self::Quit,
            CliCommand::Help => Self::Help,
            CliCommand::ListTables => Self::Tables,
            CliCommand::DescribeTableStmt(table) => Self::Describe(table),
            CliCommand::ListFunctions => Self::Syntax(None),
            CliCommand::SearchFunctions(statement) => Self::Syntax(Some(statement)),
            CliCommand::Include(Some(file)) => Self::Include(file),
            CliCommand::Include(None) => return Err("\\i needs the name of a file".to_owned()),
            CliCommand::QuietMode(quiet) => Self::Quiet(quiet),
            CliCommand::OutputFormat(None) => Self::ShowFormat,
            CliCommand::OutputFormat(Some(what)) => match what.parse() {
                Ok(OutputFormat::ChangeFormat(format)) => format_of(&format)?,
                Err(()) => return Err("\\pset has one thing to set: format".to_owned()),
            },
            CliCommand::ObjectStoreProfileMode(_) => return Err(unknown()),
        })
    }

    /// The commands that datafusion-cli lacks.
    fn own(text: &str) -> Option<Result<Self, String>> {
        let (name, word) = match text.split_once(' ') {
            Some((name, word)) => (name, Some(word)),
            None => (text, None),
        };
        match (name, word) {
            ("timing", None) => Some(Ok(Self::Timing(None))),
            ("timing", Some("on")) => Some(Ok(Self::Timing(Some(true)))),
            ("timing", Some("off")) => Some(Ok(Self::Timing(Some(false)))),
            ("timing", Some(_)) => Some(Err("\\timing takes on or off".to_owned())),
            ("maxrows", word) => Some(word.unwrap_or_default().parse().map(Self::MaxRows)),
            _ => None,
        }
    }
}

fn format_of(name: &str) -> Result<Command, String> {
    Format::from_str(name, true).map(Command::Format).map_err(|_| {
        let all = Format::value_variants()
            .iter()
            .filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()));
        format!("{name} is no format: there are {}", all.collect::<Vec<_>>().join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_with_their_words() {
        for (line, command) in [
            ("\\q", Command::Quit),
            ("\\?", Command::Help),
            ("\\d", Command::Tables),
            ("\\d  shop.Orders ;", Command::Describe("shop.Orders".into())),
            ("\\i a b.sql", Command::Include("a b.sql".into())),
            ("\\h", Command::Syntax(None)),
            ("\\h create table", Command::Syntax(Some("create table".into()))),
            ("\\quiet on", Command::Quiet(Some(true))),
            ("\\quiet", Command::Quiet(None)),
            ("\\timing off", Command::Timing(Some(false))),
            ("\\timing", Command::Timing(None)),
            ("\\maxrows none", Command::MaxRows(MaxRows::Unlimited)),
            ("\\maxrows 3", Command::MaxRows(MaxRows::Limited(3))),
            ("\\pset format VERTICAL", Command::Format(Format::Vertical)),
            ("\\pset", Command::ShowFormat),
        ] {
            assert_eq!(Command::parse(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn what_is_no_command_says_what_would_be() {
        for (line, words) in [
            ("\\x", "\\? lists"),
            ("\\", "\\? lists"),
            ("\\i", "name of a file"),
            ("\\pset format xml", "nd-json, vertical"),
            ("\\pset border 2", "format"),
            ("\\timing soon", "on or off"),
            ("\\maxrows few", "natural numbers"),
            ("\\object_store_profiling", "\\? lists"),
        ] {
            let error = Command::parse(line).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
    }
}
