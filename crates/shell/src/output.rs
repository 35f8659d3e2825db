//! Results in their formats, on standard output.

use std::io::{self, Stdout, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::csv;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::json::{ArrayWriter, LineDelimitedWriter};
use datafusion::arrow::util::display::ArrayFormatter;
use datafusion::config::FormatOptions;
use datafusion_cli::print_format::PrintFormat;
use datafusion_cli::print_options::MaxRows;
use tifusion::display::printable;

use crate::mark::Problem;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table drawn with lines
    Table,
    /// Comma-separated values with a header
    Csv,
    /// Tab-separated values with a header
    Tsv,
    /// One array of JSON objects per result
    Json,
    /// One JSON object per row and line
    NdJson,
    /// One line per value, a block per row
    Vertical,
}

/// Prints one result as it comes; a table when it is all there.
pub(crate) struct Printer<'a> {
    sink: Sink,
    schema: SchemaRef,
    options: &'a FormatOptions,
    /// Rows that are printed at most.
    limit: usize,
    rows: usize,
    /// Whether whoever reads has gone.
    gone: Arc<AtomicBool>,
}

/// Standard output that notes when whoever reads it has gone: not every writer hands that error on.
struct Out {
    inner: Stdout,
    gone: Arc<AtomicBool>,
}

impl Out {
    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|error| {
            if error.kind() == io::ErrorKind::BrokenPipe {
                self.gone.store(true, Ordering::Relaxed);
            }
        })
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes);
        self.note(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.inner.flush();
        self.note(flushed)
    }
}

enum Sink {
    /// A result without columns.
    Nothing,
    Table(Vec<RecordBatch>),
    Separated(Box<csv::Writer<Out>>),
    Json(ArrayWriter<Out>),
    NdJson(LineDelimitedWriter<Out>),
    Vertical,
}

/// What was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Printed {
    /// Whether the result has columns at all.
    pub(crate) has_columns: bool,
    /// Rows of the result.
    pub(crate) rows: usize,
    /// Those that were printed.
    pub(crate) shown: usize,
}

impl<'a> Printer<'a> {
    /// A printer of a result with these columns.
    pub(crate) fn new(
        format: Format,
        schema: SchemaRef,
        maxrows: MaxRows,
        options: &'a FormatOptions,
    ) -> Self {
        let gone = Arc::new(AtomicBool::new(false));
        let out = || Out { inner: io::stdout(), gone: Arc::clone(&gone) };
        let separated = |delimiter| {
            let writer = csv::WriterBuilder::new().with_header(true).with_delimiter(delimiter);
            Sink::Separated(Box::new(writer.build(out())))
        };
        let sink = match format {
            _ if schema.fields().is_empty() => Sink::Nothing,
            Format::Table => Sink::Table(Vec::new()),
            Format::Csv => separated(b','),
            Format::Tsv => separated(b'\t'),
            Format::Json => Sink::Json(ArrayWriter::new(out())),
            Format::NdJson => Sink::NdJson(LineDelimitedWriter::new(out())),
            Format::Vertical => Sink::Vertical,
        };
        // A cut file would be a wrong one.
        let is_cut = matches!(format, Format::Table | Format::Vertical);
        let limit = match maxrows {
            MaxRows::Limited(rows) if is_cut => rows,
            _ => usize::MAX,
        };
        Self { sink, schema, options, limit, rows: 0, gone }
    }

    /// Whether rows are printed as they come.
    pub(crate) fn is_streaming(&self) -> bool {
        !matches!(self.sink, Sink::Nothing | Sink::Table(_))
    }

    /// Prints a batch, or keeps it for later.
    pub(crate) fn batch(&mut self, batch: &RecordBatch) -> Result<(), Problem> {
        let written = self.write(batch);
        written.map_err(|problem| problem.or_broken_pipe(self.gone.load(Ordering::Relaxed)))
    }

    /// Prints what is left to print.
    pub(crate) fn finish(self) -> Result<Printed, Problem> {
        let gone = Arc::clone(&self.gone);
        let written = self.write_rest();
        written.map_err(|problem| problem.or_broken_pipe(gone.load(Ordering::Relaxed)))
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), Problem> {
        let left = self.limit.saturating_sub(self.rows);
        let before = self.rows;
        self.rows = before.saturating_add(batch.num_rows());
        let shown = batch.slice(0, batch.num_rows().min(left));
        if shown.num_rows() == 0 {
            return Ok(());
        }
        let shown = printable(&shown)?;
        match &mut self.sink {
            Sink::Nothing => {}
            Sink::Table(kept) => kept.push(shown),
            Sink::Separated(writer) => writer.write(&shown)?,
            Sink::Json(writer) => writer.write(&shown)?,
            Sink::NdJson(writer) => writer.write(&shown)?,
            Sink::Vertical => vertical(&mut io::stdout().lock(), &shown, before, self.options)?,
        }
        Ok(())
    }

    fn write_rest(mut self) -> Result<Printed, Problem> {
        let shown = self.rows.min(self.limit);
        let empty = || printable(&RecordBatch::new_empty(self.schema.clone()));
        let mut out = io::stdout();
        match &mut self.sink {
            Sink::Nothing | Sink::Vertical => {}
            Sink::Table(kept) => {
                let schema = empty()?.schema();
                let format = PrintFormat::Table;
                format.print_batches(
                    &mut out,
                    schema,
                    kept,
                    MaxRows::Unlimited,
                    true,
                    self.options,
                )?;
                if self.rows > shown {
                    writeln!(
                        out,
                        "… {} more; \\maxrows or --maxrows shows more",
                        self.rows - shown
                    )?;
                }
            }
            // A header even where there is no row.
            Sink::Separated(writer) if self.rows == 0 => writer.write(&empty()?)?,
            Sink::Separated(_) => {}
            Sink::Json(writer) => {
                writer.finish()?;
                writeln!(out)?;
            }
            Sink::NdJson(writer) => writer.finish()?,
        }
        out.flush()?;
        let has_columns = !self.schema.fields().is_empty();
        Ok(Printed { has_columns, rows: self.rows, shown })
    }
}

/// Writes rows as blocks of `name: value`; the first is number `before` + 1.
fn vertical(
    out: &mut impl Write,
    batch: &RecordBatch,
    before: usize,
    options: &FormatOptions,
) -> Result<(), Problem> {
    let options = options.try_into()?;
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    for row in 0..batch.num_rows() {
        writeln!(out, "{0} {1}. row {0}", "*".repeat(27), before + row + 1)?;
        for ((name, column), array) in names.iter().zip(&columns).zip(batch.columns()) {
            if array.is_null(row) || *array.data_type() == DataType::Null {
                writeln!(out, "{name:>width$}: NULL")?;
            } else {
                writeln!(out, "{name:>width$}: {}", column.value(row))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    #[test]
    fn rows_are_written_as_blocks() {
        let names = StringArray::from(vec![Some("Ada"), None]);
        let ids = Int64Array::from(vec![1, 22]);
        let columns =
            [("id", Arc::new(ids) as ArrayRef), ("full name", Arc::new(names) as ArrayRef)];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut out = Vec::new();
        vertical(&mut out, &batch, 10, &FormatOptions::default()).unwrap();
        let stars = "*".repeat(27);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!(
                "{stars} 11. row {stars}\n       id: 1\nfull name: Ada\n\
                 {stars} 12. row {stars}\n       id: 22\nfull name: NULL\n"
            )
        );
    }
}
