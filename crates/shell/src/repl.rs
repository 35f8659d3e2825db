//! The prompt.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::str::FromStr as _;

use datafusion_cli::functions::{Function, display_all_functions};
use rustyline::Editor;
use rustyline::config::Config;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;

use crate::command::{Command, HELP};
use crate::editor::ShellHelper;
use crate::mark::{self, Problem};
use crate::run::{Ended, Origin};
use crate::session::Shell;

/// Lines of history that are kept.
const HISTORY: usize = 10_000;

/// Runs what is typed, until there is no more.
pub(crate) async fn run(shell: &mut Shell) -> Ended {
    let mut history = history_file();
    let mut editor = match open(shell, history.as_ref()) {
        Ok(editor) => editor,
        Err(error) => {
            mark::tell(&Problem::of(&error));
            return Ended::Failed;
        }
    };
    if !shell.look.quiet {
        let version = env!("CARGO_PKG_VERSION");
        let _ = writeln!(io::stdout(), "tifusion {version}. \\? for help, \\q to quit.\n");
    }
    let mut known = None;
    loop {
        let (_, database) = shell.defaults();
        if known.as_ref() != Some(&database) {
            known = Some(database.clone());
            // Names that Tab completes are those that a statement has read.
            let context = shell.context.clone();
            tokio::spawn(async move { context.sql("SHOW TABLES").await });
        }
        match editor.readline(&format!("tifusion:{database}> ")) {
            Ok(input) if input.trim().is_empty() => {}
            Ok(input) => {
                if let Err(error) = remember(&mut editor, input.trim_end(), history.as_ref()) {
                    // Once is enough.
                    history = None;
                    tracing::warn!(%error, "the history can't be kept");
                }
                if enter(shell, &input).await == Next::Quit {
                    return Ended::Done;
                }
                if let Some(helper) = editor.helper_mut() {
                    helper.set_dialect(shell.dialect_name());
                }
            }
            Err(ReadlineError::Interrupted) => {
                if let Some(helper) = editor.helper() {
                    helper.reset_hint();
                }
            }
            Err(ReadlineError::Eof) => return Ended::Done,
            Err(error) => {
                mark::tell(&Problem::of(&error));
                return Ended::Failed;
            }
        }
    }
}

fn open(
    shell: &Shell,
    history: Option<&PathBuf>,
) -> rustyline::Result<Editor<ShellHelper, FileHistory>> {
    let config = Config::builder().max_history_size(HISTORY)?.history_ignore_dups(true)?.build();
    let mut editor = Editor::with_config(config)?;
    let color = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    editor.set_helper(Some(ShellHelper::new(shell.dialect_name(), color, shell.context.clone())));
    if let Some(history) = history {
        // The first time there is none.
        let _ = editor.load_history(history);
    }
    Ok(editor)
}

/// Where the history is kept; nowhere without a home, or where the variable is empty.
fn history_file() -> Option<PathBuf> {
    match std::env::var_os("TIFUSION_HISTORY") {
        Some(path) => Some(path.into()).filter(|path: &PathBuf| !path.as_os_str().is_empty()),
        None => Some(dirs::data_dir()?.join("tifusion").join("history")),
    }
}

/// Keeps an input at once, so that it outlives whatever happens to the shell.
fn remember(
    editor: &mut Editor<ShellHelper, FileHistory>,
    input: &str,
    history: Option<&PathBuf>,
) -> rustyline::Result<()> {
    let is_new = editor.add_history_entry(input)?;
    let Some(path) = history.filter(|_| is_new) else { return Ok(()) };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    editor.append_history(path)
}

/// Whether the prompt comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Prompt,
    Quit,
}

/// Does what was typed.
async fn enter(shell: &mut Shell, input: &str) -> Next {
    if !input.trim_start().starts_with('\\') {
        shell.script(input, &Origin::Line).await;
        return Next::Prompt;
    }
    match Command::parse(input.trim()) {
        Ok(Command::Quit) => return Next::Quit,
        Ok(command) => {
            if let Err(problem) = obey(shell, command).await {
                mark::tell(&problem);
            }
        }
        Err(message) => mark::tell(&Problem::new(message)),
    }
    Next::Prompt
}

async fn obey(shell: &mut Shell, command: Command) -> Result<(), Problem> {
    let mut out = io::stdout();
    match command {
        Command::Quit => {}
        Command::Help => writeln!(out, "{HELP}")?,
        Command::Tables => {
            shell.script("SHOW TABLES", &Origin::Line).await;
        }
        Command::Describe(table) => {
            shell.script(&format!("SHOW COLUMNS FROM {table}"), &Origin::Line).await;
        }
        Command::Include(file) => {
            let text = std::fs::read_to_string(&file);
            let text = text.map_err(|error| Problem::of(&error).with("file", file.clone()))?;
            shell.script(&text, &Origin::File(file)).await;
        }
        Command::Syntax(None) => display_all_functions()?,
        Command::Syntax(Some(name)) => match Function::from_str(&name) {
            Ok(function) => writeln!(out, "{}", function.function_details()?)?,
            Err(()) => return Err(Problem::new(format!("{name} is no statement \\h knows"))),
        },
        Command::Quiet(quiet) => {
            shell.look.quiet = quiet.unwrap_or(!shell.look.quiet);
            writeln!(out, "Quiet is {}.", on_or_off(shell.look.quiet))?;
        }
        Command::Timing(timing) => {
            shell.look.timing = timing.unwrap_or(!shell.look.timing);
            writeln!(out, "Timing is {}.", on_or_off(shell.look.timing))?;
        }
        Command::MaxRows(maxrows) => {
            shell.look.maxrows = maxrows;
            writeln!(out, "Rows printed: {maxrows}.")?;
        }
        Command::Format(format) => {
            shell.look.format = format;
            writeln!(out, "Output format is {format:?}.")?;
        }
        Command::ShowFormat => writeln!(out, "Output format is {:?}.", shell.look.format)?,
    }
    Ok(())
}

fn on_or_off(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}
