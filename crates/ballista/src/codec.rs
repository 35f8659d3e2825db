//! Codecs of plans: what is TiDB's is [`PlanCodec`]'s, the rest is Ballista's.

use std::sync::Arc;

use ballista_core::serde::{BallistaLogicalExtensionCodec, BallistaPhysicalExtensionCodec};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::file_format::FileFormatFactory;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Extension, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use tifusion::StatementSnapshot;
use tifusion::distribute::PlanCodec;

use crate::files::ExecutorFiles;

/// The codec of logical plans, which a session sends to the scheduler.
#[derive(Debug)]
pub struct TidbLogicalCodec {
    tables: PlanCodec,
    /// What the statement reads; `None` where plans are only decoded.
    snapshot: Option<Arc<StatementSnapshot>>,
    rest: BallistaLogicalExtensionCodec,
}

impl TidbLogicalCodec {
    /// A codec that decodes.
    #[must_use]
    pub fn new(tables: PlanCodec) -> Self {
        Self { tables, snapshot: None, rest: BallistaLogicalExtensionCodec::default() }
    }

    /// A codec for one statement, which reads `snapshot`.
    #[must_use]
    pub fn of_statement(tables: PlanCodec, snapshot: Arc<StatementSnapshot>) -> Self {
        Self { snapshot: Some(snapshot), ..Self::new(tables) }
    }
}

impl LogicalExtensionCodec for TidbLogicalCodec {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[LogicalPlan],
        ctx: &TaskContext,
    ) -> Result<Extension> {
        self.rest.try_decode(buf, inputs, ctx)
    }

    fn try_encode(&self, node: &Extension, buf: &mut Vec<u8>) -> Result<()> {
        self.rest.try_encode(node, buf)
    }

    fn try_decode_table_provider(
        &self,
        buf: &[u8],
        table_ref: &TableReference,
        schema: SchemaRef,
        ctx: &TaskContext,
    ) -> Result<Arc<dyn TableProvider>> {
        if PlanCodec::is_ours(buf) {
            return Ok(self.tables.decode_table(buf, schema)?);
        }
        self.rest.try_decode_table_provider(buf, table_ref, schema, ctx)
    }

    fn try_encode_table_provider(
        &self,
        table_ref: &TableReference,
        node: Arc<dyn TableProvider>,
        buf: &mut Vec<u8>,
    ) -> Result<()> {
        if let Some(snapshot) = &self.snapshot
            && let Some(bytes) = self.tables.encode_table(node.as_ref(), snapshot)?
        {
            buf.extend(bytes);
            return Ok(());
        }
        // DataFusion says that it is not implemented, without a name.
        self.rest.try_encode_table_provider(table_ref, node, buf).map_err(|error| {
            let what = format!("table {table_ref} is neither TiDB's nor made of files");
            DataFusionError::Context(what, Box::new(error))
        })
    }

    fn try_decode_file_format(
        &self,
        buf: &[u8],
        ctx: &TaskContext,
    ) -> Result<Arc<dyn FileFormatFactory>> {
        self.rest.try_decode_file_format(buf, ctx)
    }

    fn try_encode_file_format(
        &self,
        buf: &mut Vec<u8>,
        node: Arc<dyn FileFormatFactory>,
    ) -> Result<()> {
        self.rest.try_encode_file_format(buf, node)
    }
}

/// The codec of physical plans, which the scheduler sends to executors.
#[derive(Debug)]
pub struct TidbPhysicalCodec {
    scans: PlanCodec,
    rest: BallistaPhysicalExtensionCodec,
}

impl TidbPhysicalCodec {
    /// A codec whose scans are read, and whose writes are prewritten, by the cluster that `scans` is of.
    #[must_use]
    pub fn new(scans: PlanCodec) -> Self {
        let scans = scans.with_files(Arc::new(ExecutorFiles));
        Self { scans, rest: BallistaPhysicalExtensionCodec::default() }
    }
}

impl PhysicalExtensionCodec for TidbPhysicalCodec {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        ctx: &TaskContext,
        proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if PlanCodec::is_ours(buf) {
            return Ok(self.scans.decode_plan(buf, inputs, ctx.session_config().options())?);
        }
        self.rest.try_decode(buf, inputs, ctx, proto_converter)
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        match self.scans.encode_plan(node.as_ref())? {
            Some(bytes) => {
                buf.extend(bytes);
                Ok(())
            }
            None => self.rest.try_encode(node, buf, proto_converter),
        }
    }
}
