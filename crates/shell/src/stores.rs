//! Files in object stores: S3 and its like, Google's storage, and what is behind HTTP.

use std::sync::Arc;

use datafusion::common::config::ExtensionOptions;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::error::Result;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Value;
use datafusion_cli::cli_context::CliSessionContext as _;
use datafusion_cli::object_storage::{
    AwsOptions, GcpOptions, get_cos_object_store_builder, get_gcs_object_store_builder,
    get_oss_object_store_builder, get_s3_object_store_builder,
};
use object_store::http::HttpBuilder;
use object_store::{ClientOptions, ObjectStore};
use url::Url;

/// Registers the stores that a `CREATE EXTERNAL TABLE` or a `COPY … TO` names, with the options that it
/// gives, else with those of the environment.
///
/// # Errors
/// When the options are wrong, or credentials can't be had.
pub(crate) async fn register(session: &SessionContext, statement: &Statement) -> Result<()> {
    let (locations, options) = match statement {
        Statement::CreateExternalTable(create) => (create.locations.clone(), &create.options),
        Statement::CopyTo(copy) => (vec![copy.target.clone()], &copy.options),
        _ => return Ok(()),
    };
    for location in locations {
        let location = ListingTableUrl::parse(location)?;
        let url: &Url = location.as_ref();
        session.register_table_options_extension_from_scheme(url.scheme());
        if let Some(store) = store(url, options).await? {
            session.register_object_store(url, store);
        }
    }
    Ok(())
}

/// The store of an address; `None` for one that DataFusion has itself, such as the local files.
async fn store(url: &Url, options: &[(String, Value)]) -> Result<Option<Arc<dyn ObjectStore>>> {
    let aws = || set(AwsOptions::default(), "aws.", options);
    Ok(match url.scheme() {
        "s3" => Some(Arc::new(get_s3_object_store_builder(url, &aws()?, false).await?.build()?)),
        "oss" => Some(Arc::new(get_oss_object_store_builder(url, &aws()?)?.build()?)),
        "cos" => Some(Arc::new(get_cos_object_store_builder(url, &aws()?)?.build()?)),
        "gs" | "gcs" => {
            let options = set(GcpOptions::default(), "gcp.", options)?;
            Some(Arc::new(get_gcs_object_store_builder(url, &options)?.build()?))
        }
        "http" | "https" => {
            let client = ClientOptions::new().with_allow_http(true);
            let builder = HttpBuilder::new().with_client_options(client);
            Some(Arc::new(builder.with_url(url.origin().ascii_serialization()).build()?))
        }
        _ => None,
    })
}

/// `options` with those of a statement that begin with `prefix`.
fn set<O: ExtensionOptions>(mut into: O, prefix: &str, options: &[(String, Value)]) -> Result<O> {
    for (key, value) in options.iter().filter(|(key, _)| key.starts_with(prefix)) {
        into.set(key, &text(value))?;
    }
    Ok(into)
}

fn text(value: &Value) -> String {
    match value {
        Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(key: &str, value: &str) -> (String, Value) {
        (key.to_owned(), Value::SingleQuotedString(value.to_owned()))
    }

    #[tokio::test]
    async fn stores_are_found_by_scheme() {
        let options = [
            option("aws.access_key_id", "id"),
            option("aws.secret_access_key", "secret"),
            option("aws.region", "eu-central-1"),
            option("format.delimiter", ","),
        ];
        for (url, is_ours) in [
            ("s3://bucket/a.parquet", true),
            ("oss://bucket/a.parquet", true),
            ("https://example.invalid/a.parquet", true),
            ("file:///tmp/a.parquet", false),
        ] {
            let found = store(&url.parse().unwrap(), &options).await.unwrap();
            assert_eq!(found.is_some(), is_ours, "{url}");
        }
    }

    #[tokio::test]
    async fn an_option_that_no_store_has_is_an_error() {
        let url = "s3://bucket/a.parquet".parse().unwrap();
        let error = store(&url, &[option("aws.acces_key", "id")]).await.unwrap_err();
        assert!(error.to_string().contains("not found on AwsOptions"), "{error}");
    }
}
