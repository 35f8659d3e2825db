//! A terminal with the shell on it: what is typed, and what stands on the screen.

use std::io::{Read as _, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// How long a busy machine may take for anything.
const PATIENCE: Duration = Duration::from_secs(120);

const SIZE: PtySize = PtySize { rows: 60, cols: 150, pixel_width: 0, pixel_height: 0 };

/// Ctrl-C.
pub(crate) const INTERRUPT: &str = "\x03";
/// Ctrl-D.
pub(crate) const END: &str = "\x04";
/// The up arrow.
pub(crate) const UP: &str = "\x1b[A";

/// A terminal in which the shell runs.
pub(crate) struct Terminal {
    shared: Arc<Shared>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    /// Closing it would hang up.
    _master: Box<dyn MasterPty + Send>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    screen: vt100::Parser,
    /// All that was written, escapes included.
    written: String,
}

impl Terminal {
    /// Starts the shell with these arguments, its history in a file.
    pub(crate) fn start(arguments: &[&str], history: &Path) -> Self {
        let pair = native_pty_system().openpty(SIZE).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_tifusion"));
        command.args(arguments);
        command.env("TERM", "xterm");
        command.env("TIFUSION_HISTORY", history);
        command.env_remove("NO_COLOR");
        let child = pair.slave.spawn_command(command).unwrap();
        let screen = vt100::Parser::new(SIZE.rows, SIZE.cols, 0);
        let state = Mutex::new(State { screen, written: String::new() });
        let shared = Arc::new(Shared { state, changed: Condvar::new() });
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer = pair.master.take_writer().unwrap();
        let filled = Arc::clone(&shared);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                let mut state = filled.state.lock().unwrap();
                state.screen.process(&buffer[..length]);
                state.written.push_str(&String::from_utf8_lossy(&buffer[..length]));
                filled.changed.notify_all();
            }
        });
        Self { shared, writer, child, _master: pair.master }
    }

    /// Types.
    pub(crate) fn keys(&mut self, text: &str) {
        self.writer.write_all(text.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    /// Types a line at the prompt of `database`, and waits for the prompt behind it.
    pub(crate) fn enter(&mut self, database: &str, line: &str) -> String {
        self.prompt(database);
        let before = self.shared.state.lock().unwrap().written.matches("tifusion:").count();
        self.keys(&format!("{line}\r"));
        // The line itself is drawn anew with every key; its end is a prompt on a line of its own.
        self.wait(&format!("an end of {line}"), |state| {
            state.written.matches("tifusion:").count() > before && is_at_prompt(state, None)
        })
    }

    /// Waits for the empty prompt of `database`.
    pub(crate) fn prompt(&self, database: &str) -> String {
        self.wait(&format!("the prompt of {database}"), |state| is_at_prompt(state, Some(database)))
    }

    /// Waits until this stands on the screen.
    pub(crate) fn see(&self, text: &str) -> String {
        self.wait(text, |state| state.screen.screen().contents().contains(text))
    }

    /// Waits until this was written, though it may be gone again.
    pub(crate) fn saw(&self, text: &str) -> String {
        self.wait(text, |state| state.written.contains(text))
    }

    /// Waits until this stands on the screen so many times.
    pub(crate) fn wait_count(&self, text: &str, count: usize) -> String {
        self.wait(&format!("{count} × {text}"), |state| {
            state.screen.screen().contents().matches(text).count() >= count
        })
    }

    /// What stands on the screen.
    pub(crate) fn screen(&self) -> String {
        self.shared.state.lock().unwrap().screen.screen().contents()
    }

    /// All that was written, escapes included.
    pub(crate) fn written(&self) -> String {
        self.shared.state.lock().unwrap().written.clone()
    }

    /// Waits for the shell's end, and gives its exit status.
    pub(crate) fn end(&mut self) -> u32 {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            let state = self.shared.state.lock().unwrap();
            let patience = Duration::from_millis(50);
            let (state, _) = self.shared.changed.wait_timeout(state, patience).unwrap();
            assert!(begin.elapsed() < PATIENCE, "no end:\n{}", state.screen.screen().contents());
        }
    }

    fn wait(&self, what: &str, is_there: impl Fn(&State) -> bool) -> String {
        let begin = Instant::now();
        let mut state = self.shared.state.lock().unwrap();
        while !is_there(&state) {
            let left = PATIENCE.saturating_sub(begin.elapsed());
            assert!(!left.is_zero(), "no {what} on:\n{}", state.screen.screen().contents());
            state = self.shared.changed.wait_timeout(state, left).unwrap().0;
        }
        state.screen.screen().contents()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the cursor stands behind an empty prompt, of `database` if one is given.
fn is_at_prompt(state: &State, database: Option<&str>) -> bool {
    let screen = state.screen.screen();
    let (row, column) = screen.cursor_position();
    let line = screen.rows(0, SIZE.cols).nth(usize::from(row)).unwrap_or_default();
    let Some(rest) = line.strip_prefix("tifusion:") else { return false };
    let Some((name, typed)) = rest.split_once('>') else { return false };
    let hint = typed.trim();
    usize::from(column) == "tifusion:> ".len() + name.len()
        && (hint.is_empty() || hint.starts_with("\\?"))
        && database.is_none_or(|database| database == name)
}
