//! TopN and Limit.

use super::{Question, Table, dag};
use crate::harness::group::{Group, cases, group_tests};
use crate::harness::script::Script;

group_tests!();

fn group() -> Group {
    Group {
        name: "cop_order",
        cases: cases![limits, top_n_of_numbers, top_n_of_texts, top_n_of_times, top_n_by_several],
    }
}

async fn limits(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    for limit in [0, 1, 4, 100] {
        let plan = dag::plan(vec![t.scan(), dag::limit(limit)], 1);
        s.ask(&format!("limit {limit}"), Question::new(plan, t.all(), t.types()[..1].to_vec()))
            .await;
    }
}

/// The first five rows by each of the columns, up and down.
async fn by(s: &mut Script, table: &str, columns: &[&str]) {
    let t = Table::of(s, table).await;
    for name in columns {
        for desc in [false, true] {
            // The last column settles ties.
            let tie = if table == "texts" { "k" } else { "id" };
            let order = vec![(t.col(name), desc), (t.col(tie), false)];
            let plan = dag::plan(vec![t.scan(), dag::top_n(order, 5)], t.columns.len());
            let what = format!("{name} {}", if desc { "down" } else { "up" });
            s.ask(&what, Question::new(plan, t.all(), t.types())).await;
        }
    }
}

async fn top_n_of_numbers(s: &mut Script) {
    by(s, "nums", &["i", "u", "f", "d", "n", "y", "b", "m"]).await;
}

async fn top_n_of_texts(s: &mut Script) {
    by(s, "texts", &["s", "c", "b"]).await;
}

async fn top_n_of_times(s: &mut Script) {
    by(s, "dates", &["d", "dt", "ts", "t"]).await;
}

async fn top_n_by_several(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let orders = [
        vec![(t.col("g"), false), (t.col("i"), true)],
        vec![(t.col("y"), true), (t.col("n"), false)],
        vec![(t.col("g"), true), (t.col("u"), true)],
    ];
    for order in orders {
        let plan = dag::plan(vec![t.scan(), dag::top_n(order, 100)], t.columns.len());
        s.ask("order", Question::new(plan, t.all(), t.types())).await;
    }
}
