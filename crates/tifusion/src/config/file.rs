//! The configuration as a TOML file.

use std::collections::HashMap;
use std::path::Path;

use toml::Value;

use crate::error::{Error, Result};

/// The map of keys in a TOML file, for [`Config::from_map`](super::Config::from_map).
///
/// # Errors
/// When the file can't be read, and those of [`parse_toml`].
pub fn read_toml(path: impl AsRef<Path>) -> Result<HashMap<String, String>> {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("the configuration file can't be read: {error}");
        Error::invalid(message).with_context("file", path.display().to_string())
    })?;
    parse_toml(&text).map_err(|error| error.with_context("file", path.display().to_string()))
}

/// The map of keys in a TOML text.
///
/// Dots in keys and tables are the same thing here, so `request.isolation.level = "RC"` and
/// `[request.isolation]` with `level = "RC"` both give `request.isolation.level`; a key below one
/// that has a value itself is written in quotes (`"replica_read.label"`). Numbers and booleans need
/// no quotes, and an array is a comma-separated list.
///
/// # Errors
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the text is no TOML, or a value is of a
/// type that no key has.
pub fn parse_toml(text: &str) -> Result<HashMap<String, String>> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        Error::invalid(format!("the configuration is no TOML: {}", error.message()))
            .with_context("at", place(text, error.span()))
    })?;
    let mut map = HashMap::new();
    flatten("", &Value::Table(table), &mut map)?;
    Ok(map)
}

fn flatten(key: &str, value: &Value, map: &mut HashMap<String, String>) -> Result<()> {
    match value {
        Value::Table(table) => {
            for (part, value) in table {
                let key = if key.is_empty() { part.clone() } else { format!("{key}.{part}") };
                flatten(&key, value, map)?;
            }
            Ok(())
        }
        Value::Array(values) => {
            let words: Option<Vec<String>> = values.iter().map(scalar).collect();
            let words = words.ok_or_else(|| no_value(key))?;
            insert(key, words.join(","), map)
        }
        value => insert(key, scalar(value).ok_or_else(|| no_value(key))?, map),
    }
}

fn insert(key: &str, text: String, map: &mut HashMap<String, String>) -> Result<()> {
    match map.insert(key.to_owned(), text) {
        None => Ok(()),
        Some(_) => Err(Error::invalid(format!("configuration key {key:?} is given twice"))),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn no_value(key: &str) -> Error {
    Error::invalid(format!(
        "configuration key {key:?}: expected a text, a whole number, true, false, or an array of them"
    ))
}

/// Where a parser's complaint is.
fn place(text: &str, span: Option<std::ops::Range<usize>>) -> String {
    let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
    format!("line {}", before.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::super::keys::KEYS;
    use super::*;

    const EXAMPLE: &str = include_str!("../../../../configs/tifusion.toml");

    #[test]
    fn dots_and_tables_are_the_same() {
        let text = "pd.addresses = ['a:1', 'b:2']\nshow_rowid = true\n\
                    [request.isolation]\nlevel = 'RC'\n[table]\nscan_concurrency = 8\n";
        let map = parse_toml(text).unwrap();
        assert_eq!(map["pd.addresses"], "a:1,b:2");
        assert_eq!(map["request.isolation.level"], "RC");
        assert_eq!(map["table.scan_concurrency"], "8");
        Config::from_map(&map).unwrap();
    }

    #[test]
    fn what_is_no_configuration_is_refused_by_place_or_key() {
        let message = parse_toml("a = 1\nb = = 2\n").unwrap_err().to_string();
        assert!(message.contains("line 2"), "{message}");
        for text in ["time_zone = 1.5", "time_zone = 2024-01-01", "pd.addresses = [['a']]"] {
            let message = parse_toml(text).unwrap_err().to_string();
            let key = text.split(' ').next().unwrap();
            assert!(message.contains(key), "{message}");
        }
        let message = parse_toml("a.b = 1\n'a.b' = 2\n").unwrap_err().to_string();
        assert!(message.contains("twice"), "{message}");
    }

    #[test]
    fn a_missing_file_is_an_error_that_names_it() {
        let message = read_toml("/no/such/file.toml").unwrap_err().to_string();
        assert!(message.contains("/no/such/file.toml"), "{message}");
    }

    /// The example holds every key once, commented out, with its default and its sentence.
    #[test]
    fn the_example_file_agrees_with_the_table_of_keys() {
        for key in KEYS {
            assert!(EXAMPLE.contains(&entry(key)), "configs/tifusion.toml lacks:\n{}", entry(key));
        }
        let settings = EXAMPLE.lines().filter(|line| line.starts_with("#") && line.contains(" = "));
        let settings: Vec<&str> = settings.filter_map(|line| line.strip_prefix('#')).collect();
        let settings: Vec<_> = settings.iter().filter(|line| !line.starts_with(' ')).collect();
        assert_eq!(settings.len(), KEYS.len(), "{settings:#?}");
    }

    #[test]
    fn the_example_file_with_everything_uncommented_is_the_default() {
        let uncommented: Vec<&str> = EXAMPLE
            .lines()
            .filter_map(|line| line.strip_prefix('#'))
            .filter(|line| !line.starts_with(' ') && !line.is_empty())
            .collect();
        let map = parse_toml(&uncommented.join("\n")).unwrap();
        assert_eq!(map.len(), KEYS.len());
        let config = Config::from_map(&map).unwrap();
        assert_eq!(config.settings(), Config::default().settings());
    }

    fn entry(key: &super::super::keys::KeySpec) -> String {
        let value = match key.default {
            text if text.parse::<u64>().is_ok() || text.parse::<bool>().is_ok() => text.to_owned(),
            text => format!("{text:?}"),
        };
        let name = match key.name.starts_with("replica_read.") {
            true => format!("{:?}", key.name),
            false => key.name.to_owned(),
        };
        format!("# {}\n#{name} = {value}\n", key.doc)
    }
}
