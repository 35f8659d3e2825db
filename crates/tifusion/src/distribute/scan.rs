//! A scan as a message, without what its partitions read.

use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::{Field, Schema};
use tifusion_codec::output::{OutputColumn, ZeroDate};
use tifusion_proto::planpb;

use super::field_types::{columns_of_messages, columns_to_messages};
use super::{arrow_schema, field_types, malformed_part, reduction, size, source, wide};
use crate::config::CodecFormat;
use crate::error::Result;
use crate::scan::answer::ScanColumns;
use crate::scan::order::RowOrder;
use crate::scan::reduction::Reduction;
use crate::scan::sent::SentScan;
use crate::scan::spec::{AccessSummary, ScanOrder, TableScanSpec};
use crate::statement::StatementSnapshot;

/// The message of a scan.
///
/// # Errors
/// When one of its types can't be sent.
pub(super) fn to_message(sent: &SentScan) -> Result<planpb::Scan> {
    let SentScan { spec, columns, row_order } = sent;
    let format = match spec.format {
        CodecFormat::Default => planpb::Format::Default,
        CodecFormat::Chunk => planpb::Format::Chunk,
        CodecFormat::ChBlock => planpb::Format::ChBlock,
    };
    let order = |(column, options): &(Arc<str>, SortOptions)| planpb::RowOrder {
        column: column.to_string(),
        desc: options.descending,
        nulls_first: options.nulls_first,
    };
    Ok(planpb::Scan {
        database: spec.database.to_string(),
        table: spec.table.to_string(),
        columns: columns_to_messages(&spec.columns),
        output: spec.output.clone(),
        conditions: spec.conditions.clone(),
        source: Some(source::to_message(&spec.source)),
        reduction: spec.reduction.as_ref().map(reduction::to_message).transpose()?,
        limit: spec.limit.map(wide),
        order: spec
            .order
            .map(|ScanOrder { desc, nulls_apart }| planpb::Order { desc, nulls_apart }),
        format: format.into(),
        answers: Some(answers_to_message(columns)?),
        row_order: row_order.iter().map(order).collect(),
    })
}

/// The scan of a message, at this snapshot.
///
/// # Errors
/// When a part is missing, or makes no sense.
pub(super) fn of_message(message: planpb::Scan, snapshot: &StatementSnapshot) -> Result<SentScan> {
    let format = match message.format() {
        planpb::Format::Default => CodecFormat::Default,
        planpb::Format::Chunk => CodecFormat::Chunk,
        planpb::Format::ChBlock => CodecFormat::ChBlock,
        planpb::Format::Unknown => return Err(malformed_part("format of answers")),
    };
    let columns = columns_of_messages(message.columns);
    let reduction = message.reduction.map(reduction::of_message).transpose()?;
    let answers = message.answers.ok_or_else(|| malformed_part("answers of a scan"))?;
    let answers = answers_of_message(answers, reduction.as_ref())?;
    let source = message.source.ok_or_else(|| malformed_part("source of a scan"))?;
    let order = |order: planpb::RowOrder| {
        let options = SortOptions { descending: order.desc, nulls_first: order.nulls_first };
        (Arc::from(order.column), options)
    };
    let spec = TableScanSpec {
        database: message.database.into(),
        table: message.table.into(),
        columns,
        output: message.output,
        conditions: message.conditions,
        source: source::of_message(source)?,
        reduction,
        access: AccessSummary::default(),
        limit: message.limit.map(size).transpose()?,
        order: message
            .order
            .map(|planpb::Order { desc, nulls_apart }| ScanOrder { desc, nulls_apart }),
        start_ts: snapshot.start_ts().version(),
        schema_version: snapshot.schema_version(),
        format,
    };
    Ok(SentScan {
        spec: Arc::new(spec),
        columns: Arc::new(answers),
        row_order: Arc::new(message.row_order.into_iter().map(order).collect::<RowOrder>()),
    })
}

fn answers_to_message(columns: &ScanColumns) -> Result<planpb::Answers> {
    let field = |column: &OutputColumn| Field::new("", column.data_type.clone(), column.nullable);
    let sent = Schema::new(columns.sent().iter().map(field).collect::<Vec<_>>());
    let types = columns.sent().iter().map(|column| field_types::to_message(&column.field_type));
    Ok(planpb::Answers {
        sent_types: types.collect(),
        sent_schema: arrow_schema::encode(&sent)?,
        schema: arrow_schema::encode(columns.schema())?,
        zero_date_is_error: columns.zero_date() == ZeroDate::Error,
    })
}

fn answers_of_message(
    message: planpb::Answers,
    reduction: Option<&Reduction>,
) -> Result<ScanColumns> {
    let sent = arrow_schema::decode(&message.sent_schema)?;
    let schema = arrow_schema::decode(&message.schema)?;
    if sent.fields().len() != message.sent_types.len() {
        return Err(malformed_part("columns of answers"));
    }
    let columns = message.sent_types.into_iter().zip(sent.fields());
    let columns = columns.map(|(field_type, field)| {
        Ok(OutputColumn::new(field_types::of_message(field_type)?, field))
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let zero_date = if message.zero_date_is_error { ZeroDate::Error } else { ZeroDate::Null };
    let partial = match reduction {
        Some(Reduction::Aggregate(partial)) => Some(partial),
        Some(Reduction::TopN(_)) | None => None,
    };
    ScanColumns::of_sent(&sent, columns, schema, zero_date, partial)
}
