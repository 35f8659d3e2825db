//! What a scan reads its columns from, as messages.

use std::sync::Arc;

use tifusion_proto::planpb;
use tifusion_proto::planpb::lookup::Handle;
use tifusion_proto::planpb::scan::Source as Message;

use super::field_types::{
    columns_of_messages, columns_to_messages, key_column_of_message, key_column_to_message,
};
use super::{malformed_part, size, wide};
use crate::config::BatchCop;
use crate::error::Result;
use crate::scan::spec::{
    ColumnarSource, HandleColumns, IndexSide, IndexSource, LookupOptions, LookupSource, RowKeys,
    Source,
};

/// The message of a source.
pub(super) fn to_message(source: &Source) -> Message {
    match source {
        Source::Table(rows) => Message::Rows(row_keys_to_message(rows)),
        Source::Columnar(ColumnarSource { rows, or_tikv, batch }) => {
            Message::Columnar(planpb::Columnar {
                rows: Some(row_keys_to_message(rows)),
                or_tikv: *or_tikv,
                batch: batch.number(),
            })
        }
        Source::Index(index) => Message::Index(index_to_message(index)),
        Source::Lookup(lookup) => Message::Lookup(lookup_to_message(lookup)),
    }
}

/// The source of a message.
///
/// # Errors
/// When a part is missing, or makes no sense.
pub(super) fn of_message(message: Message) -> Result<Source> {
    Ok(match message {
        Message::Rows(rows) => Source::Table(row_keys_of_message(rows)),
        Message::Columnar(planpb::Columnar { rows, or_tikv, batch }) => {
            let rows = row_keys_of_message(rows.ok_or_else(|| malformed_part("keys of rows"))?);
            let batch = BatchCop::of_number(batch.into());
            let batch = batch.ok_or_else(|| malformed_part("batches of regions"))?;
            Source::Columnar(ColumnarSource { rows, or_tikv, batch })
        }
        Message::Index(index) => Source::Index(index_of_message(index)),
        Message::Lookup(lookup) => Source::Lookup(lookup_of_message(lookup)?),
    })
}

fn row_keys_to_message(rows: &RowKeys) -> planpb::RowKeys {
    planpb::RowKeys {
        primary_column_ids: rows.primary_column_ids.clone(),
        primary_prefix_column_ids: rows.primary_prefix_column_ids.clone(),
    }
}

fn row_keys_of_message(message: planpb::RowKeys) -> RowKeys {
    let planpb::RowKeys { primary_column_ids, primary_prefix_column_ids } = message;
    RowKeys { primary_column_ids, primary_prefix_column_ids }
}

fn index_to_message(index: &IndexSource) -> planpb::Index {
    planpb::Index {
        index_id: index.index_id,
        name: index.name.to_string(),
        primary_column_ids: index.primary_column_ids.clone(),
        is_point_get: index.is_point_get,
    }
}

fn index_of_message(message: planpb::Index) -> IndexSource {
    let planpb::Index { index_id, name, primary_column_ids, is_point_get } = message;
    IndexSource { index_id, name: Arc::from(name), primary_column_ids, is_point_get }
}

fn lookup_to_message(lookup: &LookupSource) -> planpb::Lookup {
    let side = |side: &IndexSide| planpb::IndexSide {
        index: Some(index_to_message(&side.index)),
        columns: columns_to_messages(&side.columns),
        conditions: side.conditions.clone(),
        is_exact: side.is_exact,
    };
    let handle = match &lookup.handle {
        HandleColumns::Int { is_unsigned } => {
            Handle::IntHandle(planpb::IntHandle { is_unsigned: *is_unsigned })
        }
        HandleColumns::Common(columns) => Handle::CommonHandle(planpb::CommonHandle {
            columns: columns.iter().map(key_column_to_message).collect(),
        }),
    };
    planpb::Lookup {
        rows: Some(row_keys_to_message(&lookup.rows)),
        indexes: lookup.indexes.iter().map(side).collect(),
        handle: Some(handle),
        handle_place: lookup.handle_place.map(wide),
        new_collation: lookup.new_collation,
        settled: lookup.settled.clone(),
        batch_size: wide(lookup.options.batch_size),
        concurrency: wide(lookup.options.concurrency),
        downgrade_threshold: wide(lookup.options.downgrade_threshold),
        is_at_snapshot: lookup.options.is_at_snapshot,
    }
}

fn lookup_of_message(message: planpb::Lookup) -> Result<LookupSource> {
    let new_collation = message.new_collation;
    let handle = match message.handle.ok_or_else(|| malformed_part("handle"))? {
        Handle::IntHandle(planpb::IntHandle { is_unsigned }) => HandleColumns::Int { is_unsigned },
        Handle::CommonHandle(planpb::CommonHandle { columns }) => {
            let column = |column| key_column_of_message(column, new_collation);
            HandleColumns::Common(columns.into_iter().map(column).collect::<Result<_>>()?)
        }
    };
    let side = |side: planpb::IndexSide| {
        Ok(IndexSide {
            index: index_of_message(side.index.ok_or_else(|| malformed_part("index"))?),
            columns: columns_of_messages(side.columns),
            conditions: side.conditions,
            is_exact: side.is_exact,
        })
    };
    Ok(LookupSource {
        rows: row_keys_of_message(message.rows.ok_or_else(|| malformed_part("keys of rows"))?),
        indexes: message.indexes.into_iter().map(side).collect::<Result<_>>()?,
        handle,
        handle_place: message.handle_place.map(size).transpose()?,
        new_collation,
        settled: message.settled,
        options: LookupOptions {
            batch_size: size(message.batch_size)?,
            concurrency: size(message.concurrency)?,
            downgrade_threshold: size(message.downgrade_threshold)?,
            is_at_snapshot: message.is_at_snapshot,
        },
    })
}
