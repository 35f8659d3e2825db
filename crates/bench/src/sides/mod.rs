//! Who is measured.

mod connector;
mod parquet;
pub(crate) mod tidb;
pub(crate) mod tispark;

use tifusion_testkit::cluster::Cluster;

use crate::error::{BenchError, Result};
use crate::options::Options;
use crate::process::Program;

/// Who answers a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// TiFusion.
    Connector,
    /// TiDB by its SQL port.
    Tidb,
    /// TiSpark, where its jars are.
    TiSpark,
    /// `DataFusion` on Parquet files of the same data.
    Parquet,
}

impl Side {
    /// All of them, in the order of the report.
    pub(crate) const ALL: [Self; 4] = [Self::Connector, Self::Tidb, Self::TiSpark, Self::Parquet];

    /// Its name in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connector => "TiFusion",
            Self::Tidb => "TiDB",
            Self::TiSpark => "TiSpark",
            Self::Parquet => "Parquet",
        }
    }
}

/// What an answer was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Its rows.
    pub(crate) rows: usize,
    /// Rows and bytes that came from the stores for it, where that is known.
    pub(crate) received: Option<(usize, usize)>,
}

/// All sides, connected.
pub(crate) struct Sides {
    connector: connector::Connector,
    tidb: tidb::TidbSide,
    parquet: parquet::Parquet,
    tispark: Option<tispark::TiSpark>,
    /// This program, which the connector and `DataFusion` run in.
    pub(crate) own: Program,
    /// TiDB's server and the store, if they run on this machine.
    pub(crate) server: Option<Program>,
}

impl Sides {
    pub(crate) async fn connect(
        cluster: &Cluster,
        database: &str,
        options: &Options,
    ) -> Result<Self> {
        let address = || BenchError::Address { address: cluster.tidb.clone() };
        let (_, port) = cluster.tidb.rsplit_once(':').ok_or_else(address)?;
        let port = port.parse().map_err(|_| address())?;
        let jars = options.tispark.as_deref();
        let tispark =
            jars.map(|jars| tispark::TiSpark::start(jars, cluster, database)).transpose()?;
        Ok(Self {
            connector: connector::Connector::connect(cluster, database, options).await?,
            tidb: tidb::TidbSide::connect(&cluster.tidb, database).await?,
            parquet: parquet::Parquet::write(options.scale).await?,
            tispark,
            own: Program::own()?,
            server: Program::listening_on(port)?,
        })
    }

    /// Those that are there, in the order of [`Side::ALL`].
    pub(crate) fn present(&self) -> Vec<Side> {
        let is_there = |side: &Side| *side != Side::TiSpark || self.tispark.is_some();
        Side::ALL.into_iter().filter(is_there).collect()
    }

    /// TiSpark, if it is there.
    pub(crate) fn tispark(&mut self) -> Option<&mut tispark::TiSpark> {
        self.tispark.as_mut()
    }

    /// Has `side` answer the query in its file.
    pub(crate) async fn answer(&mut self, side: Side, query: &str) -> Result<Answer> {
        match side {
            Side::Connector => self.connector.answer(query).await,
            Side::Tidb => self.tidb.answer(query).await,
            Side::Parquet => self.parquet.answer(query).await,
            Side::TiSpark => match self.tispark() {
                Some(side) => side.answer(query),
                None => Err(BenchError::NoTiSpark),
            },
        }
    }

    /// The plan by which `side` answers the query in its file, with what was counted of it; nothing of a side that
    /// doesn't read the stores.
    pub(crate) async fn explain(&mut self, side: Side, query: &str) -> Result<String> {
        match side {
            Side::Connector => self.connector.explain(query).await,
            Side::Tidb => self.tidb.explain(query).await,
            Side::Parquet | Side::TiSpark => Ok(String::new()),
        }
    }

    /// The program that does a side's work outside of the stores.
    pub(crate) fn program(&self, side: Side) -> Option<&Program> {
        match side {
            Side::Connector | Side::Parquet => Some(&self.own),
            Side::Tidb => self.server.as_ref(),
            Side::TiSpark => self.tispark.as_ref().map(tispark::TiSpark::program),
        }
    }
}
