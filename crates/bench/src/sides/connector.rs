//! TiFusion.

use arrow::array::AsArray as _;
use tifusion_testkit::cluster::Cluster;
use tifusion_testkit::connector;

use crate::error::Result;
use crate::options::Options;
use crate::sides::Answer;

pub(super) struct Connector {
    session: connector::Connector,
}

impl Connector {
    pub(super) async fn connect(
        cluster: &Cluster,
        database: &str,
        options: &Options,
    ) -> Result<Self> {
        let cache = options.cache.map(|bytes| bytes.to_string());
        let settings: Vec<_> =
            cache.iter().map(|bytes| ("coprocessor.cache_size", bytes.as_str())).collect();
        let session = connector::Connector::try_connect(cluster, &settings).await?;
        session.context().use_database(database).await?;
        Ok(Self { session })
    }

    pub(super) async fn answer(&self, query: &str) -> Result<Answer> {
        let answer = self.session.run(query).await?;
        let rows = answer.batches.iter().map(arrow::array::RecordBatch::num_rows).sum();
        let received = (answer.metric("rows_received"), answer.metric("bytes"));
        Ok(Answer { rows, received: Some(received) })
    }

    pub(super) async fn explain(&self, query: &str) -> Result<String> {
        let answer = self.session.run(&format!("EXPLAIN ANALYZE {query}")).await?;
        let plans = answer.batches.iter().filter_map(|batch| batch.column_by_name("plan"));
        let plans = plans.filter_map(|plans| plans.as_string_opt::<i32>());
        Ok(plans.flat_map(|plans| plans.iter().flatten()).collect::<Vec<_>>().join("\n"))
    }
}
