//! The files in `configs/`, as they stand and with what they leave commented out.

use std::path::PathBuf;

use super::{Config, ReadMode, ReplicaRole, WriteMode, parse_toml, read_toml};

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

/// The settings that a file leaves commented out: lines that begin with `#` and no blank.
fn offered(text: &str) -> impl Iterator<Item = &str> {
    let commented = text.lines().filter_map(|line| line.strip_prefix('#'));
    commented.filter(|setting| !setting.is_empty() && !setting.starts_with(' '))
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

#[test]
fn what_a_file_leaves_commented_out_works_and_changes_something() {
    let mut count = 0;
    for file in files().iter().filter(|file| !file.ends_with("tifusion.toml")) {
        let text = std::fs::read_to_string(file).unwrap();
        for line in offered(&text) {
            let at = format!("{}: {line}", file.display());
            let alone = parse_toml(line).unwrap_or_else(|error| panic!("{at}: {error}"));
            let (key, _) = alone.iter().next().unwrap();
            let mut map = parse_toml(&text).unwrap();
            assert!(!map.contains_key(key), "{at}: is set above");
            map.extend(alone.clone());
            let config = Config::from_map(&map).unwrap_or_else(|error| panic!("{at}: {error}"));
            let without = Config::from_map(&parse_toml(&text).unwrap()).unwrap();
            assert_ne!(config.settings(), without.settings(), "{at}: changes nothing");
            count += 1;
        }
    }
    assert!(count >= 7, "{count}");
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

#[test]
fn the_file_of_tiflash_asks_nobody_else() {
    let config = load("tiflash-only.toml");
    let engines = config.settings().engines;
    assert_eq!((engines.tikv, engines.tiflash), (false, true));
}
