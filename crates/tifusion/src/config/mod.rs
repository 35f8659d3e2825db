//! Configuration: one table of keys, read from a map of texts, from a TOML file, or by
//! `SET tidb.<key> = …`.
//!
//! Keys have TiSpark's names without `spark.tispark.`, which is taken off where it is given. A key
//! that is not known, a value of the wrong form, and a value that asks for something this version
//! does not have are errors that name the key and the way out; an empty value means the default.
//!
//! ```
//! use std::collections::HashMap;
//! use tifusion::config::Config;
//!
//! let map = HashMap::from([("spark.tispark.request.isolation.level".into(), "rc".into())]);
//! let config = Config::from_map(&map)?;
//! assert_eq!(config.get("request.isolation.level")?.as_deref(), Some("RC"));
//!
//! let map = HashMap::from([("pd.adresses".into(), "pd:2379".into())]);
//! let error = Config::from_map(&map).unwrap_err();
//! assert!(error.to_string().contains("did you mean \"pd.addresses\"?"));
//! # Ok::<(), tifusion::Error>(())
//! ```

mod batch_cop;
mod engines;
mod file;
mod hosts;
mod keys;
mod kind;
mod options;
mod replica;
mod secret;
mod settings;
mod spelling;
mod zone;

use std::collections::{BTreeMap, HashMap};

use keys::{KEYS, KeySpec, Scope, name};
use kind::Value;
use spelling::Spelled;

pub use batch_cop::BatchCop;
pub use engines::ReadEngines;
pub use file::{parse_toml, read_toml};
pub use hosts::HostMapping;
pub use options::TidbOptions;
pub use replica::{ReplicaRead, ReplicaRole};
pub use secret::Secret;
pub use settings::{CodecFormat, Isolation, Priority, ReadMode, Settings, WriteMode, ZeroDate};
pub use zone::TimeZone;

use crate::error::{Error, Result};

/// Name of the catalog unless it is given another.
pub const DEFAULT_CATALOG: &str = "tidb";

/// Names that DataFusion or this crate use themselves.
const TAKEN_CATALOGS: [&str; 2] = ["datafusion", "information_schema"];

/// The values of all keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    given: BTreeMap<&'static str, Value>,
    catalog: Option<String>,
    settings: Settings,
}

impl Default for Config {
    fn default() -> Self {
        let mut settings = Settings::blank();
        for key in KEYS {
            settings.apply(key.name, &default_of(key));
        }
        Self { given: BTreeMap::new(), catalog: None, settings }
    }
}

impl Config {
    /// The configuration that `map` describes; keys that it lacks have their defaults.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an unknown key, a value of the wrong
    /// form, one key given twice with different values, or values that do not fit together;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for what this version does not have.
    pub fn from_map(map: &HashMap<String, String>) -> Result<Self> {
        let mut config = Self::default();
        let sorted: BTreeMap<_, _> = map.iter().collect();
        for (spelling, text) in sorted {
            match spelling::resolve(spelling)? {
                Spelled::Key(key) => config.set_once(key, text)?,
                Spelled::Catalog(name) => config.set_catalog(&name)?,
                Spelled::CatalogKey(name, key) => {
                    config.set_catalog(&name)?;
                    config.set_once(key, text)?;
                }
            }
        }
        config.check()?;
        Ok(config)
    }

    /// The typed values.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Name of the catalog under which the cluster appears in SQL, in lower case.
    #[must_use]
    pub fn catalog(&self) -> &str {
        self.catalog.as_deref().unwrap_or(DEFAULT_CATALOG)
    }

    /// The value of a key as text, its default unless it was set; `None` for no value. A password
    /// is not shown.
    ///
    /// # Errors
    /// An unknown key.
    pub fn get(&self, key: &str) -> Result<Option<String>> {
        match spelling::resolve(key)? {
            Spelled::Key(key) | Spelled::CatalogKey(_, key) => Ok(self.shown(key)),
            Spelled::Catalog(_) => Ok(Some(self.catalog().to_owned())),
        }
    }

    /// Sets a key that a session may change, as `SET tidb.<key>` does.
    ///
    /// # Errors
    /// Those of [`Config::from_map`], and a key that is fixed when connecting.
    pub fn set_in_session(&mut self, key: &str, text: &str) -> Result<()> {
        let key = session_key(key)?;
        let value = read(key, text)?;
        self.put(key, value);
        Ok(())
    }

    /// Gives a key that a session may change the value that it has in `other`.
    ///
    /// # Errors
    /// An unknown key, or one that is fixed when connecting.
    pub fn copy_in_session(&mut self, key: &str, other: &Self) -> Result<()> {
        let key = session_key(key)?;
        self.put(key, other.given.get(key.name).cloned().unwrap_or(Value::Unset));
        Ok(())
    }

    /// Whether a key was not set, or set to nothing.
    pub(crate) fn is_default(&self, key: &str) -> bool {
        !self.given.contains_key(key)
    }

    /// Every key with its value as [`Config::get`] shows it, and what it means.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, Option<String>, &'static str)> {
        KEYS.iter().map(|key| (key.name, self.shown(key), key.doc))
    }

    fn shown(&self, key: &KeySpec) -> Option<String> {
        match self.given.get(key.name) {
            Some(value) => value.shown(),
            None => Some(key.default.to_owned()).filter(|text| !text.is_empty()),
        }
    }

    fn set_once(&mut self, key: &'static KeySpec, text: &str) -> Result<()> {
        let value = read(key, text)?;
        if self.given.get(key.name).is_some_and(|earlier| *earlier != value) {
            return Err(Error::invalid(format!(
                "configuration key {:?} is given twice, in different spellings and with different \
                 values: keep one",
                key.name
            )));
        }
        self.put(key, value);
        Ok(())
    }

    fn put(&mut self, key: &'static KeySpec, value: Value) {
        if value == Value::Unset {
            self.given.remove(key.name);
            self.settings.apply(key.name, &default_of(key));
        } else {
            self.settings.apply(key.name, &value);
            self.given.insert(key.name, value);
        }
    }

    fn set_catalog(&mut self, name: &str) -> Result<()> {
        if TAKEN_CATALOGS.contains(&name) {
            return Err(Error::invalid(format!(
                "the catalog can't be named {name:?}, which DataFusion uses: choose another name"
            )));
        }
        if let Some(earlier) = self.catalog.as_deref().filter(|earlier| *earlier != name) {
            return Err(Error::invalid(format!(
                "two catalogs, {earlier:?} and {name:?}, are configured: one session reads one \
                 cluster"
            )));
        }
        self.catalog = Some(name.to_owned());
        Ok(())
    }

    /// Checks what more than one key says.
    fn check(&self) -> Result<()> {
        self.check_sql_port()?;
        let Settings { tls_enable, trust_certs, key_cert_chain, key_file, .. } = &self.settings;
        let Settings { jks_enable, jks_trust, jks_key, .. } = &self.settings;
        let has_pem = trust_certs.is_some() || key_cert_chain.is_some() || key_file.is_some();
        if !tls_enable {
            if has_pem || *jks_enable || jks_trust.is_some() || jks_key.is_some() {
                tracing::warn!(
                    "certificates are configured, but {} is false: connections are not encrypted",
                    name::TLS_ENABLE
                );
            }
            return Ok(());
        }
        let needs = |enabled: &str, needed: &str, what: &str| {
            Err(Error::invalid(format!(
                "{enabled} needs {needed}: the {what} with the authorities to trust"
            )))
        };
        if *jks_enable {
            if has_pem {
                tracing::warn!("{} is on: the PEM files are not used", name::JKS_ENABLE);
            }
            return match jks_trust {
                Some(_) => Ok(()),
                None => needs(name::JKS_ENABLE, name::JKS_TRUST, "JKS or PKCS#12 store"),
            };
        }
        if trust_certs.is_none() {
            return needs(name::TLS_ENABLE, name::TRUST_CERTS, "PEM file");
        }
        if key_cert_chain.is_some() == key_file.is_some() {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "{} and {} belong together: set both or neither",
            name::KEY_CERT_CHAIN,
            name::KEY_FILE
        )))
    }
}

impl Config {
    /// Checks what is said of TiDB's SQL port.
    fn check_sql_port(&self) -> Result<()> {
        let Settings { tidb_address, tidb_user, jdbc_tls_enable, .. } = &self.settings;
        if let Some(address) = tidb_address {
            let bare = address.trim_start_matches('[').trim_end_matches(']');
            let is_host = !bare.is_empty() && !bare.contains(['/', ' ', '@', ',', '[', ']']);
            if !is_host || (bare.contains(':') && bare.parse::<std::net::Ipv6Addr>().is_err()) {
                return Err(Error::invalid(format!(
                    "configuration key {:?} can't be {address:?}: expected one host without its port, which \
                     goes to {}",
                    name::TIDB_ADDRESS,
                    name::TIDB_PORT
                )));
            }
            if tidb_user.is_none() {
                return Err(Error::invalid(format!(
                    "{} needs {}: the user to log in to TiDB as",
                    name::TIDB_ADDRESS,
                    name::TIDB_USER
                )));
            }
        }
        if self.settings.auth_enable && tidb_address.is_none() {
            return Err(Error::invalid(format!(
                "{} needs {}: the TiDB whose privileges are to be checked",
                name::AUTH_ENABLE,
                name::TIDB_ADDRESS
            )));
        }
        if self.settings.read_mode == ReadMode::Sql && tidb_address.is_none() {
            return Err(Error::invalid(format!(
                "{} = sql needs {}: the host of TiDB's SQL port, which all is read through",
                name::READ_MODE,
                name::TIDB_ADDRESS
            )));
        }
        let stores = [&self.settings.jdbc_server_store, &self.settings.jdbc_client_store];
        if !jdbc_tls_enable && stores.iter().any(|store| store.is_some()) {
            tracing::warn!(
                "certificates for TiDB's SQL port are configured, but {} is false: connections to it are not \
                 encrypted",
                name::JDBC_TLS_ENABLE
            );
        }
        Ok(())
    }
}

/// The key of a `SET tidb.<key>`; `tidb.addr` and its like may be written once or twice prefixed.
fn session_key(key: &str) -> Result<&'static KeySpec> {
    let spelled = spelling::resolve(key)
        .or_else(|error| spelling::resolve(&format!("tidb.{key}")).map_err(|_| error))?;
    match spelled {
        Spelled::Key(key) if key.scope == Scope::Session => Ok(key),
        _ => Err(Error::invalid(format!(
            "configuration key {key:?} is fixed when connecting: give it to TidbContext::connect"
        ))),
    }
}

fn default_of(key: &KeySpec) -> Value {
    key.kind.parse(key.default).unwrap_or(Value::Unset)
}

/// Reads a value.
fn read(key: &KeySpec, text: &str) -> Result<Value> {
    let value = key.kind.parse(text).map_err(|expected| {
        Error::invalid(format!(
            "configuration key {:?} can't be {text:?}: expected {expected}",
            key.name
        ))
    })?;
    if let Value::List(engines) = &value
        && key.name == name::ENGINES
        && ReadEngines::named(engines).is_none()
    {
        return Err(Error::invalid(format!(
            "configuration key {:?} can't be {text:?}: there is nothing to read without tikv and tiflash",
            key.name
        )));
    }
    Ok(value)
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
