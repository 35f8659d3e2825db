//! Dependencies point down the list of rooms only.

use std::path::Path;

use crate::Finding;
use crate::sources::{SourceError, children, name_of, read};

/// The rooms from the top down. Siblings that must not know each other stand at one height.
const HEIGHTS: [(&str, u32); 11] = [
    ("bench", 90),
    ("shell", 80),
    ("ballista", 70),
    ("testkit", 65),
    ("tifusion", 60),
    ("embedded", 50),
    ("client", 40),
    ("schema", 30),
    ("codec", 20),
    ("proto", 10),
    ("xtask", 0),
];

fn height(folder: &str) -> Option<u32> {
    HEIGHTS.iter().find(|(name, _)| *name == folder).map(|(_, height)| *height)
}

/// Reads each crate's manifest; only `[dependencies]` count, tests may look up.
pub(crate) fn check(crates: &Path) -> Result<Vec<Finding>, SourceError> {
    let mut findings = Vec::new();
    for path in children(crates)? {
        let name = name_of(&path);
        let Some(own) = height(&name) else {
            findings.push(Finding(format!("crates/{name}: not in the list of rooms")));
            continue;
        };
        let manifest = read(&path.join("Cargo.toml"))?;
        for dependency in dependencies(&manifest) {
            match height(&dependency) {
                Some(other) if other < own => {}
                _ => findings.push(Finding(format!(
                    "crates/{name} depends on {dependency}, which is not below it"
                ))),
            }
        }
        findings.extend(forbidden(&name, &manifest));
    }
    Ok(findings)
}

/// The folders of the workspace crates that a manifest depends on.
fn dependencies(manifest: &str) -> Vec<String> {
    entries(manifest)
        .filter(|entry| entry.starts_with("tifusion"))
        .map(|entry| match entry.strip_prefix("tifusion-") {
            Some(folder) => folder.to_owned(),
            None => "tifusion".to_owned(),
        })
        .collect()
}

/// What a room must never know, whatever its height.
fn forbidden(name: &str, manifest: &str) -> Vec<Finding> {
    let banned: &[&str] = match name {
        "codec" | "schema" => &["tokio", "tonic", "datafusion", "async-trait", "futures"],
        "client" => &["datafusion", "arrow", "tifusion-schema"],
        _ => &[],
    };
    entries(manifest)
        .filter(|entry| banned.contains(entry))
        .map(|entry| Finding(format!("crates/{name} must not depend on {entry}")))
        .collect()
}

fn entries(manifest: &str) -> impl Iterator<Item = &str> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['=', '.', ' ']).next())
        .filter(|entry| !entry.is_empty() && !entry.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_dependencies_section_counts() {
        let manifest = "[dependencies]\ntifusion-codec.workspace = true\nbytes = \"1\"\n\n\
                        [dev-dependencies]\ntifusion-testkit.workspace = true\n";
        assert_eq!(dependencies(manifest), ["codec"]);
    }

    #[test]
    fn the_codec_knows_no_runtime() {
        assert_eq!(forbidden("codec", "[dependencies]\ntokio.workspace = true\n").len(), 1);
        assert!(forbidden("client", "[dependencies]\ntokio.workspace = true\n").is_empty());
    }
}
