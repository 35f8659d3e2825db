//! Queries that failed once, or that look as if they could.

use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::compare::{Rules, difference};

use super::Sides;

#[tokio::test(flavor = "multi_thread")]
async fn kept_queries_have_one_answer() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let sides = Sides::embedded(&cluster).await;
    for sql in include_str!("kept.sql").lines().filter(|line| !line.starts_with("--")) {
        let (on, off) = (sides.on.query(sql).await, sides.off.query(sql).await);
        if let Some(difference) = difference(&on, &off, Rules::default()) {
            panic!("{difference}\n{sql}\n{}", sides.on.explain(sql).await);
        }
    }
}
