//! The times as a picture: a group of bars for each query.

use std::path::Path;

use plotters::prelude::*;

use crate::error::{BenchError, Result};
use crate::measure::{Measured, millis};
use crate::sides::Side;

/// Width and height in pixels.
const SIZE: (u32, u32) = (1100, 420);
/// The width of a query's bars together; a query has 1.
const BARS: f64 = 0.81;

/// Draws the times of all sides into `path`.
pub(crate) fn draw(path: &Path, queries: &[Measured]) -> Result<()> {
    try_draw(path, queries)
        .map_err(|error| BenchError::File { path: path.to_owned(), reason: error.to_string() })
}

fn try_draw(
    path: &Path,
    queries: &[Measured],
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let times =
        queries.iter().flat_map(|query| query.figures.iter().map(|(_, it)| millis(it.time)));
    let highest = times.fold(1.0, f64::max) * 1.05;
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let width = f64::from(u32::try_from(queries.len())?);
    let mut chart = ChartBuilder::on(&root)
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..width, 0.0..highest)?;
    let name = |at: &f64| {
        // Labels stand at whole numbers, which are the queries' places.
        let query =
            (0_u32..).zip(queries).find(|(place, _)| (f64::from(*place) + 0.5 - at).abs() < 0.1);
        query.map_or_else(String::new, |(_, query)| query.number.to_string())
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(queries.len() * 2 + 1)
        .x_label_formatter(&name)
        .y_desc("ms")
        .x_desc("query of TPC-H")
        .draw()?;
    let is_there = |side: &Side| queries.iter().any(|query| query.of(*side).is_some());
    let sides: Vec<_> = Side::ALL.into_iter().filter(is_there).collect();
    let bar = BARS / f64::from(u32::try_from(sides.len())?);
    for (place, side) in (0_u32..).zip(sides) {
        let color = color(side);
        let bars = (0_u32..).zip(queries).filter_map(|(at, query)| {
            let left = f64::from(at) + 0.1 + bar * f64::from(place);
            let time = millis(query.of(side)?.time);
            Some(Rectangle::new([(left, 0.0), (left + bar, time)], color.filled()))
        });
        chart
            .draw_series(bars)?
            .label(label(side))
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], color.filled()));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK).draw()?;
    root.present()?;
    Ok(())
}

fn color(side: Side) -> RGBColor {
    match side {
        Side::Connector => RGBColor(0xd9, 0x4f, 0x2b),
        Side::Tidb => RGBColor(0x3b, 0x6e, 0xa8),
        Side::TiSpark => RGBColor(0xe3, 0xa0, 0x3c),
        Side::Parquet => RGBColor(0xb8, 0xb8, 0xb8),
    }
}

fn label(side: Side) -> &'static str {
    match side {
        Side::Connector => "TiFusion",
        Side::Tidb => "TiDB by its SQL port",
        Side::TiSpark => "TiSpark",
        Side::Parquet => "DataFusion on Parquet",
    }
}
