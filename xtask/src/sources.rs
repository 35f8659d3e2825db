//! The workspace's sources, parsed.

use std::fs;
use std::path::{Path, PathBuf};

/// Why the sources could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// A file or folder could not be read.
    #[error("{path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A file is not Rust.
    #[error("{path}: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: syn::Error,
    },
}

/// A crate's library sources.
pub(crate) struct Crate {
    /// Folder name under `crates/`.
    pub(crate) name: String,
    /// Its files.
    pub(crate) files: Vec<File>,
}

/// A parsed file.
pub(crate) struct File {
    /// Path from the crate's `src`.
    pub(crate) path: PathBuf,
    /// Module path, empty for `lib.rs`.
    pub(crate) module: Vec<String>,
    /// Lines.
    pub(crate) lines: usize,
    /// Whether the file holds tests only.
    pub(crate) is_test: bool,
    /// Syntax tree.
    pub(crate) syntax: syn::File,
}

/// Loads every crate under `folder`.
pub(crate) fn load_crates(folder: &Path) -> Result<Vec<Crate>, SourceError> {
    let mut crates = Vec::new();
    for path in children(folder)? {
        let source = path.join("src");
        if !source.is_dir() {
            continue;
        }
        let mut files = Vec::new();
        load_folder(&source, &source, &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        crates.push(Crate { name: name_of(&path), files });
    }
    Ok(crates)
}

fn load_folder(root: &Path, folder: &Path, files: &mut Vec<File>) -> Result<(), SourceError> {
    for path in children(folder)? {
        if path.is_dir() {
            load_folder(root, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = read(&path)?;
            let syntax = syn::parse_file(&text)
                .map_err(|source| SourceError::Parse { path: path.clone(), source })?;
            let relative = path.strip_prefix(root).unwrap_or(&path).to_path_buf();
            let module = module_of(&relative);
            let is_test = module.iter().any(|part| is_test_module(part));
            files.push(File {
                path: relative,
                module,
                lines: text.lines().count(),
                is_test,
                syntax,
            });
        }
    }
    Ok(())
}

/// Whether a module of this name holds tests.
pub(crate) fn is_test_module(name: &str) -> bool {
    name == "tests" || name == "testing" || name.ends_with("_tests")
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Result<String, SourceError> {
    fs::read_to_string(path)
        .map_err(|source| SourceError::Read { path: path.to_path_buf(), source })
}

/// The entries of a folder, sorted.
pub(crate) fn children(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let failed = |source| SourceError::Read { path: folder.to_path_buf(), source };
    let mut paths = fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    paths.sort();
    Ok(paths)
}

/// The last part of a path, as text.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn module_of(relative: &Path) -> Vec<String> {
    let mut parts: Vec<String> = relative
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    if matches!(parts.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        parts.pop();
    }
    parts
}
