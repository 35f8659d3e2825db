//! The configuration as an extension of DataFusion's options: `SET tidb.<key> = …`.

use std::any::Any;
use std::sync::Arc;

use datafusion::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::error::Result as DataFusionResult;

use super::Config;

/// A session's [`Config`] among its DataFusion options, under the prefix `tidb`.
///
/// ```
/// use datafusion::prelude::SessionConfig;
/// use tifusion::config::TidbOptions;
///
/// let mut config = SessionConfig::new().with_option_extension(TidbOptions::default());
/// config.options_mut().set("tidb.request.isolation.level", "RC")?;
/// let error = config.options_mut().set("tidb.pd.addresses", "pd:2379").unwrap_err();
/// assert!(error.to_string().contains("fixed when connecting"));
/// # Ok::<(), datafusion::error::DataFusionError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct TidbOptions {
    config: Arc<Config>,
}

impl TidbOptions {
    /// Options that begin with `config`.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config: Arc::new(config) }
    }

    /// The configuration among a session's options.
    pub(crate) fn config_of(options: &ConfigOptions) -> Option<Arc<Config>> {
        options.extensions.get::<Self>().map(|ours| Arc::clone(&ours.config))
    }

    /// The configuration as it is now.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The configuration, to change.
    pub(crate) fn config_mut(&mut self) -> &mut Config {
        Arc::make_mut(&mut self.config)
    }
}

impl ConfigExtension for TidbOptions {
    const PREFIX: &'static str = "tidb";
}

impl ExtensionOptions for TidbOptions {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> DataFusionResult<()> {
        Ok(self.config_mut().set_in_session(key, value)?)
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        let entry = |(name, value, description): (&str, _, _)| ConfigEntry {
            key: format!("{}.{name}", Self::PREFIX),
            value,
            description,
        };
        self.config.entries().map(entry).collect()
    }
}
