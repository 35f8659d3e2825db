//! The files in `configs/`, as they stand and with what they leave commented out.

use std::path::PathBuf;

use super::{Config, ReadMode, ReplicaRole, WriteMode, parse_toml, read_toml};
use crate::error::ErrorKind;

/// What stands in the comment above settings whose feature this version lacks.
const LATER: &str = "# [later]";

fn folder() -> PathBuf {
    PathBuf::from("../../configs")
}

fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn load(name: &str) -> Config {
    Config::from_map(&read_toml(folder().join(name)).unwrap()).unwrap()
}

/// A setting that a file leaves commented out.
#[derive(Debug)]
struct Offered {
    /// Its line without the `#`.
    line: String,
    /// Whether the file says that this version refuses it.
    is_later: bool,
}

/// The lines that begin with `#` and no blank.
fn offered(text: &str) -> Vec<Offered> {
    let mut is_later = false;
    let mut offered = Vec::new();
    for line in text.lines() {
        match line.strip_prefix('#') {
            _ if line.starts_with(LATER) => is_later = true,
            Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => {
                offered.push(Offered { line: setting.to_owned(), is_later });
            }
            Some(_) => {}
            None => is_later = false,
        }
    }
    offered
}

#[test]
fn every_file_loads_as_it_stands() {
    let files = files();
    for file in &files {
        let map = read_toml(file).unwrap_or_else(|error| panic!("{error}"));
        Config::from_map(&map).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(file.extension().unwrap(), "toml", "{}", file.display());
    }
    assert!(files.len() >= 6, "{files:?}");
}

/// A refusal that no longer comes is a feature that has landed: then the file's `[later]` goes, and what it
/// says about the feature with it.
#[test]
fn what_a_file_leaves_commented_out_works_or_is_refused_as_it_says() {
    let mut counts = (0, 0);
    for file in files().iter().filter(|file| !file.ends_with("tifusion.toml")) {
        let text = std::fs::read_to_string(file).unwrap();
        for Offered { line, is_later } in offered(&text) {
            let at = format!("{}: {line}", file.display());
            let alone = parse_toml(&line).unwrap_or_else(|error| panic!("{at}: {error}"));
            let (key, _) = alone.iter().next().unwrap();
            let mut map = parse_toml(&text).unwrap();
            assert!(!map.contains_key(key), "{at}: is set above");
            map.extend(alone.clone());
            match (Config::from_map(&map), is_later) {
                (Ok(config), false) => {
                    let without = Config::from_map(&parse_toml(&text).unwrap()).unwrap();
                    assert_ne!(config.settings(), without.settings(), "{at}: changes nothing");
                    counts.0 += 1;
                }
                (Err(error), true) => {
                    assert_eq!(error.kind(), ErrorKind::Unsupported, "{at}: {error}");
                    let message = error.to_string();
                    assert!(message.contains(key.as_str()), "{at}: {message}");
                    assert!(message.contains("not available yet"), "{at}: {message}");
                    counts.1 += 1;
                }
                (Ok(_), true) => panic!("{at}: this works by now, {LATER} above it is out of date"),
                (Err(error), false) => panic!("{at}: {error}"),
            }
        }
    }
    assert!(counts.0 >= 7 && counts.1 >= 1, "{counts:?}");
}

#[test]
fn the_production_file_speaks_tls_with_a_certificate_of_its_own() {
    let config = load("production-tls.toml");
    let settings = config.settings();
    assert!(settings.tls_enable && settings.pd_addresses.len() == 3, "{settings:?}");
    assert!(settings.trust_certs.is_some(), "{settings:?}");
    assert!(settings.key_cert_chain.is_some() && settings.key_file.is_some(), "{settings:?}");
}

#[test]
fn the_file_of_the_past_asks_replicas_for_what_they_have() {
    let config = load("stale-read.toml");
    let replica = &config.settings().replica_read;
    assert!(replica.stale && replica.roles.first() == Some(&ReplicaRole::Follower), "{replica:?}");
}

#[test]
fn the_file_of_the_sql_port_asks_nobody_else() {
    let config = load("sql-port-only.toml");
    let settings = config.settings();
    assert_eq!((settings.read_mode, settings.write_mode), (ReadMode::Sql, WriteMode::Sql));
    assert!(settings.jdbc_tls_enable && settings.tidb_address.is_some(), "{settings:?}");
}

/// A file whose feature does not exist yet says so before anything else, and does not pretend.
#[test]
fn files_for_features_to_come_say_so() {
    let (name, key) = ("tiflash-only.toml", "isolation_read_engines");
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    assert!(text.contains("# NOT YET: "), "{name}");
    let waiting = offered(&text);
    assert!(
        waiting.iter().any(|it| it.is_later && it.line.starts_with(key)),
        "{name}: {waiting:?}"
    );
    load(name);
}
