//! What comparisons leave of a column of dates, if that is little.

use std::collections::BTreeMap;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use tifusion_codec::time::{CoreTime, MICROS_PER_DAY, TimeKind};

use super::lower::{Physical, absent_in};

/// Most days of a range whose dates that no calendar has are told one by one: those of a year and its neighbours' are some fifty.
const MAX_DAYS: i64 = 400;

/// The first and the last day of columns, by their places, as comparisons with constants that all hold leave them.
#[derive(Debug, Default)]
pub(super) struct DateRanges(BTreeMap<usize, (Option<i32>, Option<i32>)>);

impl DateRanges {
    /// Of comparisons of which all hold; other conditions leave out no more than they do.
    pub(super) fn of<'a>(conditions: impl IntoIterator<Item = &'a Physical>) -> Self {
        let mut ranges = Self::default();
        for condition in conditions {
            if let Some((column, operator, day)) = comparison(condition) {
                ranges.narrow(column, operator, day);
            }
        }
        ranges
    }

    fn narrow(&mut self, column: usize, operator: Operator, day: i32) {
        let (first, last) = self.0.entry(column).or_default();
        if matches!(operator, Operator::Eq | Operator::Gt | Operator::GtEq) {
            *first = Some(first.map_or(day, |first| first.max(day)));
        }
        if matches!(operator, Operator::Eq | Operator::Lt | Operator::LtEq) {
            *last = Some(last.map_or(day, |last| last.min(day)));
        }
    }

    /// The dates between a column's first and last one that no calendar has; `None` if it has no such range or a long one.
    pub(super) fn absent(&self, column: &Physical) -> Option<Vec<CoreTime>> {
        let place = column.downcast_ref::<Column>()?.index();
        let (first, last) = *self.0.get(&place)?;
        let (first, last) = (first?, last?);
        if i64::from(last) - i64::from(first) > MAX_DAYS {
            return None;
        }
        let (first, last) = (date(first)?, date(last)?);
        let between = first.to_packed()..last.to_packed();
        let dates = (first.year..=last.year).flat_map(absent_in);
        Some(dates.filter(|date| between.contains(&date.to_packed())).collect())
    }
}

fn date(day: i32) -> Option<CoreTime> {
    CoreTime::from_micros(i64::from(day).checked_mul(MICROS_PER_DAY)?, TimeKind::Date, 0).ok()
}

/// The place of a column, how it is compared with a day, and that day.
fn comparison(condition: &Physical) -> Option<(usize, Operator, i32)> {
    let binary = condition.downcast_ref::<BinaryExpr>()?;
    let day = |expr: &Physical| match expr.downcast_ref::<Literal>()?.value() {
        ScalarValue::Date32(Some(day)) => Some(*day),
        _ => None,
    };
    let place = |expr: &Physical| expr.downcast_ref::<Column>().map(Column::index);
    match (place(binary.left()), place(binary.right())) {
        (Some(column), None) => Some((column, *binary.op(), day(binary.right())?)),
        (None, Some(column)) => Some((column, binary.op().swap()?, day(binary.left())?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::physical_expr::expressions::{binary, lit};

    use super::*;

    fn absent(bounds: &[(Operator, &str)]) -> Option<Vec<String>> {
        let column: Physical = Arc::new(Column::new("d", 0));
        let schema = arrow::datatypes::Schema::new(vec![arrow::datatypes::Field::new(
            "d",
            arrow::datatypes::DataType::Date32,
            true,
        )]);
        let conditions: Vec<Physical> = bounds
            .iter()
            .map(|(operator, day)| {
                let day = ScalarValue::Utf8(Some((*day).to_owned()));
                let day = day.cast_to(&arrow::datatypes::DataType::Date32).unwrap();
                binary(Arc::clone(&column), *operator, lit(day), &schema).unwrap()
            })
            .collect();
        let absent = DateRanges::of(&conditions).absent(&column)?;
        Some(absent.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn short_ranges_have_few_dates_that_no_calendar_has() {
        use Operator::{Eq, Gt, GtEq, Lt, LtEq};
        let of_month = absent(&[(GtEq, "1995-09-01"), (Lt, "1995-10-01")]).unwrap();
        assert_eq!(of_month, ["1995-09-31", "1995-10-00"]);
        assert_eq!(absent(&[(GtEq, "1995-09-03"), (LtEq, "1995-09-30")]).unwrap().len(), 0);
        assert_eq!(absent(&[(Eq, "1996-02-29")]).unwrap().len(), 0);
        let of_february = absent(&[(Gt, "2023-01-31"), (Lt, "2023-03-01")]).unwrap();
        assert_eq!(
            of_february,
            ["2023-02-00", "2023-02-29", "2023-02-30", "2023-02-31", "2023-03-00"]
        );
        // 12 days zero, 7 ends of months, and the days of the month zero before it.
        assert_eq!(absent(&[(GtEq, "1994-01-01"), (LtEq, "1994-12-31")]).unwrap().len(), 11 + 7);
        assert_eq!(absent(&[(GtEq, "1993-12-31"), (LtEq, "1994-12-31")]).unwrap().len(), 51);
        // The narrowest of several; nothing between if they contradict each other.
        let several = [(GtEq, "1994-01-01"), (Gt, "1995-09-30"), (Lt, "1995-10-01")];
        assert_eq!(absent(&several).unwrap(), ["1995-09-31", "1995-10-00"]);
        assert_eq!(absent(&[(Gt, "1999-01-01"), (Lt, "1990-01-01")]).unwrap().len(), 0);
    }

    #[test]
    fn long_ranges_and_open_ones_have_none_that_are_told() {
        use Operator::{GtEq, Lt, NotEq};
        assert_eq!(absent(&[(GtEq, "1990-01-01"), (Lt, "1995-10-01")]), None);
        assert_eq!(absent(&[(GtEq, "1990-01-01")]), None);
        assert_eq!(absent(&[(NotEq, "1990-01-01"), (Lt, "1995-10-01")]), None);
    }
}
