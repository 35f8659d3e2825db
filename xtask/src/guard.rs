//! `cargo xtask guard`: counts the instructions of the micro-benches and compares them with `benches/guard.txt`.
//!
//! Instructions, for times mean nothing on a shared machine; by valgrind, for a virtual machine often has no
//! counters of its own. A bench runs once with one round and once with some more: the difference is what a round
//! takes, whatever goes on before it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// How much worse a bench may be, in percent.
const LIMIT: f64 = 5.0;

/// Rounds that are counted.
const ROUNDS: u64 = 20;

/// Which of libc's variants run must not depend on the machine.
const TUNABLES: (&str, &str) = (
    "GLIBC_TUNABLES",
    "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-FSRM,-AVX_Fast_Unaligned_Load,-RTM",
);

/// Why nothing was compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GuardError {
    #[error("{program} can't be run: {source}")]
    Spawn { program: String, source: std::io::Error },
    #[error("{program} failed:\n{errors}")]
    Failed { program: String, errors: String },
    #[error("cargo did not say where it put {0}")]
    NotBuilt(&'static str),
    #[error("valgrind told no number of instructions:\n{0}")]
    NoCount(String),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{}, line {line:?}: expected `NAME: INSTRUCTIONS`", path.display())]
    Line { path: PathBuf, line: String },
}

/// What was counted, beside what is written down.
pub(crate) struct Comparison {
    /// A line for each bench.
    pub(crate) lines: Vec<String>,
    /// What is past the limit, or has no figure.
    pub(crate) worse: Vec<String>,
}

/// Counts all benches, and compares them.
pub(crate) fn compare(root: &Path) -> Result<Comparison, GuardError> {
    let known = read(&figures(root))?;
    let counted = count_all(root)?;
    let (mut lines, mut worse) = (Vec::new(), Vec::new());
    for (name, now) in &counted {
        let Some(before) = known.get(name) else {
            worse.push(format!("{name}: no figure is written down"));
            continue;
        };
        let percent = change(*before, *now);
        lines.push(format!("{name:<24}{before:>14}{now:>14}{percent:>+9.1} %"));
        if percent > LIMIT {
            worse.push(format!(
                "{name}: {percent:+.1} % instructions, {before} before and {now} now"
            ));
        }
    }
    let gone = known.keys().filter(|name| !counted.contains_key(*name));
    worse.extend(gone.map(|name| format!("{name}: written down, but there is no such bench")));
    if !worse.is_empty() {
        let (then, now) = (written_by(root)?, compiler()?);
        worse.push(format!("figures of {then}, counted with {now}"));
    }
    Ok(Comparison { lines, worse })
}

/// Counts all benches, and writes the figures down.
pub(crate) fn renew(root: &Path) -> Result<(), GuardError> {
    let mut text = format!(
        "# Instructions of a round of each micro-bench, by `cargo xtask guard --renew`; see benches/README.md.\n{BY}{}\n",
        compiler()?
    );
    for (name, count) in count_all(root)? {
        // Writing to a text can't fail.
        let _ = writeln!(text, "{name}: {count}");
    }
    let path = figures(root);
    std::fs::write(&path, text).map_err(|source| GuardError::File { path, source })
}

/// Before the compiler's name.
const BY: &str = "# by ";

fn figures(root: &Path) -> PathBuf {
    root.join("benches/guard.txt")
}

fn lines(path: &Path) -> Result<Vec<String>, GuardError> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|source| GuardError::File { path: path.to_owned(), source })?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn read(path: &Path) -> Result<BTreeMap<String, u64>, GuardError> {
    let figures = lines(path)?.into_iter().filter(|line| !line.starts_with('#'));
    let parse = |line: String| {
        let figure = line
            .rsplit_once(": ")
            .and_then(|(name, count)| Some((name.to_owned(), count.trim().parse().ok()?)));
        figure.ok_or_else(|| GuardError::Line { path: path.to_owned(), line })
    };
    figures.map(parse).collect()
}

fn written_by(root: &Path) -> Result<String, GuardError> {
    let lines = lines(&figures(root))?;
    let by = lines.iter().find_map(|line| line.strip_prefix(BY));
    Ok(by.unwrap_or("an unknown compiler").to_owned())
}

/// How much more `now` is than `before`, in percent.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn change(before: u64, now: u64) -> f64 {
    (now as f64 - before as f64) * 100.0 / before.max(1) as f64
}

fn count_all(root: &Path) -> Result<BTreeMap<String, u64>, GuardError> {
    let build = ["bench", "--locked", "--no-run", "-p", "tifusion-schema", "--bench", "guard"];
    let guard = built(root, &build, "guard")?;
    let mut counted = BTreeMap::new();
    for name in text(&run(Command::new(&guard))?.stdout).lines() {
        let count = count(|rounds| {
            let mut command = counting(&guard);
            command.args([name, &rounds.to_string()]);
            command
        })?;
        counted.insert(name.to_owned(), count);
    }
    Ok(counted)
}

/// Builds a program, and says where it is.
fn built(root: &Path, build: &[&str], target: &'static str) -> Result<PathBuf, GuardError> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root).args(build).arg("--message-format=json").stderr(Stdio::inherit());
    let told = text(&run(cargo)?.stdout);
    let is_it = |line: &&str| line.contains(&format!("\"name\":\"{target}\""));
    let executable = |line: &str| {
        let path = line.split_once("\"executable\":\"")?.1.split('"').next()?;
        Some(PathBuf::from(path))
    };
    told.lines()
        .filter(is_it)
        .filter_map(executable)
        .next_back()
        .ok_or(GuardError::NotBuilt(target))
}

/// A program whose instructions are counted.
fn counting(program: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command.env(TUNABLES.0, TUNABLES.1);
    command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    command.arg(program);
    command
}

/// Instructions of one round of what `command` runs so many rounds of.
fn count(command: impl Fn(u64) -> Command) -> Result<u64, GuardError> {
    let run = |rounds| instructions(&text(&run(command(rounds))?.stderr));
    Ok(run(1 + ROUNDS)?.saturating_sub(run(1)?) / ROUNDS)
}

/// The number behind `I   refs:` in what valgrind says.
fn instructions(told: &str) -> Result<u64, GuardError> {
    let number = told.lines().find_map(|line| {
        let (before, number) = line.split_once("refs:")?;
        before.trim_end().ends_with('I').then(|| number.trim().replace(',', ""))
    });
    number
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| GuardError::NoCount(told.to_owned()))
}

fn compiler() -> Result<String, GuardError> {
    let mut rustc = Command::new("rustc");
    rustc.arg("--version");
    Ok(text(&run(rustc)?.stdout).trim().to_owned())
}

fn run(mut command: Command) -> Result<Output, GuardError> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.output() {
        Ok(output) if output.status.success() => Ok(output),
        Ok(output) => Err(GuardError::Failed { program, errors: text(&output.stderr) }),
        Err(source) => Err(GuardError::Spawn { program, source }),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valgrinds_count_is_read() {
        let told = "==7== Cachegrind, a cache profiler\n==7== \n==7== I   refs:      1,234,567\n";
        assert_eq!(instructions(told).unwrap(), 1_234_567);
        assert!(instructions("==7== D   refs:      12\n").is_err());
    }

    #[test]
    fn figures_are_read_and_what_is_none_is_named() {
        let folder = std::env::temp_dir().join(format!("guard-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("guard.txt");
        std::fs::write(&file, "# by x\ndecode decimal(15,2): 77\nlower: 5\n").unwrap();
        let figures = read(&file).unwrap();
        assert_eq!((figures["decode decimal(15,2)"], figures["lower"]), (77, 5));
        std::fs::write(&file, "decode 77\n").unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("decode 77"));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn five_percent_is_the_limit() {
        assert!(change(1000, 1050) <= LIMIT);
        assert!(change(1000, 1051) > LIMIT);
        assert!(change(1000, 900) < 0.0);
    }
}
