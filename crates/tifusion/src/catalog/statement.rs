//! The catalogs as one statement sees them.

use std::sync::Arc;

use datafusion::catalog::{CatalogProvider, CatalogProviderList};

use super::TidbCatalog;

/// A session's catalogs, with TiDB's in the state of one schema version: all tables that a statement
/// names are found at one point in time.
#[derive(Debug)]
pub(crate) struct StatementCatalogs {
    session: Arc<dyn CatalogProviderList>,
    name: String,
    pinned: Arc<TidbCatalog>,
}

impl StatementCatalogs {
    /// The catalogs of `session`, with `pinned` in the place of the one called `name`.
    pub(crate) fn new(
        session: Arc<dyn CatalogProviderList>,
        name: impl Into<String>,
        pinned: Arc<TidbCatalog>,
    ) -> Self {
        Self { session, name: name.into(), pinned }
    }
}

impl CatalogProviderList for StatementCatalogs {
    fn register_catalog(
        &self,
        name: String,
        catalog: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        self.session.register_catalog(name, catalog)
    }

    fn catalog_names(&self) -> Vec<String> {
        self.session.catalog_names()
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        if name == self.name {
            return Some(Arc::clone(&self.pinned) as Arc<dyn CatalogProvider>);
        }
        self.session.catalog(name)
    }
}
