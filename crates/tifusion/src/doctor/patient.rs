//! What the checks look at.

use std::sync::Arc;
use std::time::Duration;

use tifusion_client::backoff::Backoffer;
use tifusion_client::clock::{Clock, TokioClock};
use tifusion_client::pd::{EndpointAnswer, PdEndpoint, probe};
use tifusion_client::{Client, ClientError};

use crate::cluster::{Cluster, client_options, located_options};
use crate::config::{Config, ReadMode};
use crate::error::{Error, ErrorKind};

/// How long one question may take, with its retries.
const PATIENCE: Duration = Duration::from_secs(5);

/// A cluster as far as it can be reached.
#[derive(Debug)]
pub(super) struct Patient {
    pub(super) config: Config,
    /// What each endpoint of PD said; an error where they can't even be asked.
    pub(super) pd: Result<Vec<PdEndpoint>, ClientError>,
    pub(super) client: Option<Result<Client, ClientError>>,
    pub(super) cluster: Option<Result<Arc<Cluster>, Error>>,
}

impl Patient {
    /// Connects as far as that goes.
    pub(super) async fn meet(config: &Config) -> Self {
        if config.settings().read_mode == ReadMode::Sql {
            let cluster = in_time(Cluster::connect(config)).await;
            let config = config.clone();
            return Self { config, pd: Ok(Vec::new()), client: None, cluster: Some(cluster) };
        }
        // What keeps TiDB from saying where PD is, the check of privileges finds as well.
        let located = located_options(config).await;
        let mut options = located.unwrap_or_else(|_| client_options(config.settings()));
        options.request_timeout = options.request_timeout.min(PATIENCE);
        options.budgets.pd = PATIENCE;
        options.budgets.build_tasks = PATIENCE;
        options.budgets.request = PATIENCE;
        let clock: Arc<dyn Clock> = Arc::new(TokioClock);
        let pd = probe(&options, clock).await;
        let mut patient = Self { config: config.clone(), pd, client: None, cluster: None };
        if patient.answers().all(|(_, answer)| answer.leader.is_none()) {
            return patient;
        }
        let client = Client::connect(options).await;
        if let Ok(client) = &client {
            let cluster = Cluster::over(client.clone(), config.settings());
            patient.cluster = Some(in_time(cluster).await);
        }
        patient.client = Some(client);
        patient
    }

    /// The endpoints of PD that have answered.
    pub(super) fn answers(&self) -> impl Iterator<Item = (&str, &EndpointAnswer)> {
        let endpoints = self.pd.iter().flatten();
        endpoints.filter_map(|endpoint| Some((&*endpoint.address, endpoint.answer.as_ref().ok()?)))
    }

    /// The way to the cluster, if there is one.
    pub(super) fn client(&self) -> Option<&Client> {
        self.client.as_ref()?.as_ref().ok()
    }

    /// For one question.
    pub(super) fn backoffer(client: &Client) -> Backoffer {
        client.backoffer(PATIENCE)
    }
}

/// A cluster, if it is there before a check would have to end.
async fn in_time(
    cluster: impl Future<Output = Result<Arc<Cluster>, Error>>,
) -> Result<Arc<Cluster>, Error> {
    tokio::time::timeout(super::CHECK_TIME, cluster).await.unwrap_or_else(|_| {
        let message = format!("no answer within {:?}", super::CHECK_TIME);
        Err(Error::new(ErrorKind::DeadlineExceeded, message))
    })
}
