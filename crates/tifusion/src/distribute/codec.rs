//! The bytes of tables and scans.

use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_plan::ExecutionPlan;
use prost::Message as _;
use tifusion_client::{QueryId, Timestamp};
use tifusion_proto::planpb;
use tifusion_proto::planpb::part::What;

use super::sent_table::SentTable;
use super::tasks_exec::TikvTasksExec;
use super::{malformed, malformed_part, scan, write};
use crate::cluster::Cluster;
use crate::config::TidbOptions;
use crate::context::TidbContext;
use crate::error::{Error, Result};
use crate::scan::TikvScanExec;
use crate::statement::StatementSnapshot;
use crate::table::TidbTable;
use crate::write::{EditFiles, EditFilesExec, FramedEditsExec, PrewriteExec};

/// Turns what this crate has in plans into bytes, and back in the process that they are sent to.
#[derive(Debug, Clone)]
pub struct PlanCodec {
    cluster: Arc<Cluster>,
    /// Where plans of writes read what other executors have encoded.
    files: Option<Arc<dyn EditFiles>>,
}

impl PlanCodec {
    /// What all bytes of ours begin with. No message of protobuf does: it would be the end of a group.
    pub const MAGIC: &'static [u8] = b"TiFu";

    /// The version of the bytes that follow.
    pub const VERSION: u32 = 3;

    /// A codec for the cluster that `context` is connected to: what arrives is read by its client.
    #[must_use]
    pub fn new(context: &TidbContext) -> Self {
        Self { cluster: Arc::clone(context.catalog().cluster()), files: None }
    }

    /// The same, whose plans of writes read what other executors have encoded by `files`.
    #[must_use]
    pub fn with_files(self, files: Arc<dyn EditFiles>) -> Self {
        Self { files: Some(files), ..self }
    }

    pub(super) fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// Whether bytes are of [`PlanCodec::encode_table`] or [`PlanCodec::encode_plan`], of any version.
    #[must_use]
    pub fn is_ours(bytes: &[u8]) -> bool {
        bytes.starts_with(Self::MAGIC)
    }

    /// The bytes of a table that a statement with this snapshot reads; `None` if it is no table of TiDB.
    ///
    /// # Errors
    /// For a table that can't be read elsewhere: of another cluster.
    pub fn encode_table(
        &self,
        table: &dyn TableProvider,
        snapshot: &StatementSnapshot,
    ) -> Result<Option<Vec<u8>>> {
        let Some(table) = table.downcast_ref::<TidbTable>() else { return Ok(None) };
        if !Arc::ptr_eq(table.cluster(), &self.cluster) {
            return Err(Error::invalid("it is a table of another TidbContext")
                .with_context("table", table.label()));
        }
        let (database_id, database) = table.database_ref();
        let reading = table.reading();
        let names =
            reading.partitions.as_ref().map(|names| planpb::Names { names: names.to_vec() });
        let message = planpb::Table {
            database_id,
            database: database.to_string(),
            table_id: table.info().id,
            table: table.name().to_owned(),
            partitions: names,
            row_id: reading.row_id,
        };
        Ok(Some(self.encode(What::Table(message), snapshot)))
    }

    /// The table of these bytes, which [`sent_plans`](super::sent_plans) looks up. It can't be read before.
    ///
    /// # Errors
    /// For another version, another cluster, and what makes no sense.
    pub fn decode_table(&self, bytes: &[u8], schema: SchemaRef) -> Result<Arc<dyn TableProvider>> {
        match self.decode(bytes)? {
            (What::Table(message), snapshot) => {
                Ok(Arc::new(SentTable::new(message, snapshot, schema)))
            }
            _ => Err(malformed_part("table")),
        }
    }

    /// The bytes of a node of a plan, without its inputs; `None` if it is none of ours.
    ///
    /// # Errors
    /// For one that can't run elsewhere.
    pub fn encode_plan(&self, node: &dyn ExecutionPlan) -> Result<Option<Vec<u8>>> {
        let (what, snapshot) = if let Some(tasks) = node.downcast_ref::<TikvTasksExec>() {
            let scan = tasks.scan();
            (What::Scan(scan::to_message(&scan.sent()?)?), scan.snapshot().as_ref())
        } else if node.is::<TikvScanExec>() {
            return Err(Error::unsupported(
                "a scan whose ranges are not apart: the scheduler's plans are made by sent_plans",
            ));
        } else if let Some(edits) = node.downcast_ref::<FramedEditsExec>() {
            let write = Some(write::to_message(edits.sent()));
            (What::Encode(planpb::Encode { write }), edits.snapshot())
        } else if let Some(files) = node.downcast_ref::<EditFilesExec>() {
            (What::EditFiles(planpb::EditFiles {}), files.snapshot())
        } else if let Some(prewrite) = node.downcast_ref::<PrewriteExec>() {
            let (sent, primary) = prewrite.sent();
            let primary = Some(write::mutation_to_message(primary)?);
            let message = planpb::Prewrite { write: Some(write::to_message(sent)), primary };
            (What::Prewrite(message), prewrite.snapshot())
        } else {
            return Ok(None);
        };
        Ok(Some(self.encode(what, snapshot)))
    }

    /// The node of these bytes over its inputs, in a session with these options.
    ///
    /// # Errors
    /// As [`PlanCodec::decode_table`].
    pub fn decode_plan(
        &self,
        bytes: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        options: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (what, snapshot) = self.decode(bytes)?;
        let [input] = inputs else { return Err(malformed_part("node, without its input")) };
        let config = TidbOptions::config_of(options).unwrap_or_default();
        let (input, cluster) = (Arc::clone(input), &self.cluster);
        Ok(match what {
            What::Table(_) => return Err(malformed_part("node")),
            What::Scan(message) => {
                let sent = scan::of_message(message, &snapshot)?;
                let (client, settings) = (cluster.client().clone(), config.settings().clone());
                let scan = TikvScanExec::arrived(client, settings, Arc::new(snapshot), sent);
                Arc::new(TikvTasksExec::new(scan, input))
            }
            What::Encode(message) => {
                let (sent, at) = (write::of_message(message.write)?, Arc::new(snapshot));
                Arc::new(FramedEditsExec::arrived(sent, cluster, at, &config, input)?)
            }
            What::EditFiles(_) => {
                let files = self.files.as_ref().ok_or_else(|| {
                    Error::unsupported(
                        "a write over several machines, in a process that reads no files of others",
                    )
                })?;
                Arc::new(EditFilesExec::new(Arc::clone(files), Arc::new(snapshot), input))
            }
            What::Prewrite(message) => {
                let sent = write::of_message(message.write)?;
                let primary = write::mutation_of_message(message.primary)?;
                let at = (cluster, Arc::new(snapshot));
                Arc::new(PrewriteExec::arrived(sent, primary, at, &config, input)?)
            }
        })
    }

    pub(super) fn encode(&self, what: What, snapshot: &StatementSnapshot) -> Vec<u8> {
        let now = self.cluster.client().clock().now();
        let left = snapshot.deadline().map(|deadline| deadline.saturating_duration_since(now));
        let left_ms = left.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
        let part = planpb::Part {
            version: Self::VERSION,
            cluster_id: self.cluster.client().pd().cluster_id(),
            snapshot: Some(planpb::Snapshot {
                start_ts: snapshot.start_ts().version(),
                schema_version: snapshot.schema_version(),
                query: snapshot.query().number(),
                is_past: snapshot.as_of().is_some(),
                left_ms,
            }),
            what: Some(what),
        };
        let mut bytes = Self::MAGIC.to_vec();
        bytes.extend(part.encode_to_vec());
        bytes
    }

    fn decode(&self, bytes: &[u8]) -> Result<(What, StatementSnapshot)> {
        let part = part_of(bytes)?;
        let ours = self.cluster.client().pd().cluster_id();
        if part.cluster_id != ours {
            return Err(Error::invalid(format!(
                "a part of a plan is about cluster {}, and this process is connected to cluster {ours}: give sessions, \
                 scheduler and executors the same pd.addresses",
                part.cluster_id
            )));
        }
        let now = self.cluster.client().clock().now();
        let what = part.what.ok_or_else(|| malformed_part("kind"))?;
        Ok((what, snapshot_of(part.snapshot, now)?))
    }
}

/// Whether bytes are a table or a scan of this version, of any cluster, without anything done with them: for fuzzing.
///
/// # Errors
/// As [`PlanCodec::decode_plan`].
#[doc(hidden)]
pub fn check(bytes: &[u8]) -> Result<()> {
    let part = part_of(bytes)?;
    let snapshot = snapshot_of(part.snapshot, Instant::now())?;
    match part.what.ok_or_else(|| malformed_part("kind"))? {
        What::Table(_) | What::EditFiles(_) => Ok(()),
        What::Scan(message) => scan::of_message(message, &snapshot).map(drop),
        What::Encode(message) => write::of_message(message.write).map(drop),
        What::Prewrite(message) => {
            write::of_message(message.write)?;
            write::mutation_of_message(message.primary).map(drop)
        }
    }
}

fn part_of(bytes: &[u8]) -> Result<planpb::Part> {
    let bytes = bytes.strip_prefix(PlanCodec::MAGIC).ok_or_else(|| malformed_part("beginning"))?;
    // Of another version no more than the version is known.
    let version = Version::decode(bytes).map_err(|error| malformed("version", error))?.version;
    if version != PlanCodec::VERSION {
        return Err(Error::unsupported(format!(
            "a part of a plan is of version {version}, and this process knows version {}: run one version of \
             TiFusion in sessions, scheduler and executors",
            PlanCodec::VERSION
        )));
    }
    planpb::Part::decode(bytes).map_err(|error| malformed("message", error))
}

fn snapshot_of(message: Option<planpb::Snapshot>, now: Instant) -> Result<StatementSnapshot> {
    let message = message.ok_or_else(|| malformed_part("snapshot"))?;
    let query = QueryId::of(message.query).ok_or_else(|| malformed_part("query"))?;
    let deadline = message.left_ms.and_then(|ms| now.checked_add(Duration::from_millis(ms)));
    let (start_ts, version) = (Timestamp::new(message.start_ts), message.schema_version);
    let snapshot = StatementSnapshot::new(start_ts, version, now, deadline, query).of_elsewhere();
    Ok(if message.is_past { snapshot.of_past() } else { snapshot })
}

/// The beginning of each version of [`planpb::Part`].
#[derive(Clone, PartialEq, prost::Message)]
struct Version {
    #[prost(uint32, tag = "1")]
    version: u32,
}
