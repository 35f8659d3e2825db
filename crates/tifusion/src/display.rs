//! Results for people.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, DurationMicrosecondArray, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};

use crate::error::{Error, Result};

/// `batch` with what Arrow prints otherwise than TiDB as text: a `TIME` (`Duration(µs)` in Arrow)
/// becomes `-838:59:59.000000` instead of an ISO 8601 period.
///
/// # Errors
/// None that a batch of DataFusion's can meet.
pub fn printable(batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = batch.schema();
    let mut fields = Vec::with_capacity(schema.fields().len());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        match column.as_any().downcast_ref::<DurationMicrosecondArray>() {
            Some(durations) if *field.data_type() == DataType::Duration(TimeUnit::Microsecond) => {
                fields.push(Arc::new(Field::new(
                    field.name(),
                    DataType::Utf8,
                    field.is_nullable(),
                )));
                columns.push(as_text(durations));
            }
            _ => {
                fields.push(Arc::clone(field));
                columns.push(Arc::clone(column));
            }
        }
    }
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(|error| Error::from(datafusion::error::DataFusionError::from(error)))
}

fn as_text(durations: &DurationMicrosecondArray) -> ArrayRef {
    let mut text = StringBuilder::new();
    for micros in durations {
        if let Some(micros) = micros {
            // Writing to a builder does not fail.
            let _ = write_time(&mut text, micros);
            text.append_value("");
        } else {
            text.append_null();
        }
    }
    Arc::new(text.finish())
}

fn write_time(text: &mut StringBuilder, micros: i64) -> std::fmt::Result {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    let seconds = micros / 1_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    write!(text, "{sign}{hours:02}:{minutes:02}:{:02}", seconds % 60)?;
    match micros % 1_000_000 {
        0 => Ok(()),
        fraction => write!(text, ".{fraction:06}"),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray as _, Int64Array};

    use super::*;

    #[test]
    fn times_are_printed_as_times_and_the_rest_stays() {
        let times = DurationMicrosecondArray::from(vec![
            Some(3_020_399_000_000),
            Some(-3_020_399_000_000),
            Some(-1),
            Some(0),
            None,
            Some(3_661_000_500),
        ]);
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5, 6]));
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("t", Arc::new(times) as ArrayRef, true),
            ("n", Arc::clone(&numbers), false),
        ]);
        let shown = printable(&batch.unwrap()).unwrap();
        let expected = [
            Some("838:59:59"),
            Some("-838:59:59"),
            Some("-00:00:00.000001"),
            Some("00:00:00"),
            None,
            Some("01:01:01.000500"),
        ];
        assert_eq!(shown.column(0).as_string::<i32>().iter().collect::<Vec<_>>(), expected);
        assert_eq!(shown.column(1), &numbers);
    }

    #[test]
    fn batches_without_columns_keep_their_rows() {
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(7));
        let schema = Arc::new(Schema::empty());
        let batch = RecordBatch::try_new_with_options(schema, vec![], &options).unwrap();
        assert_eq!(printable(&batch).unwrap().num_rows(), 7);
    }
}
