//! Every known difference between DataFusion's SQL and TiDB's is one, and its remedy is enough.

use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::differences::{DIFFERENCES, EXAMPLES, sql_mode, to_tidb};
use tifusion_testkit::tidb::Tidb;

#[tokio::test(flavor = "multi_thread")]
async fn every_known_difference_is_real_and_its_remedy_is_enough() {
    let test = "differences";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut plain = Tidb::connect(&cluster.tidb).await;
    plain.fresh_database(test).await;
    plain.run(EXAMPLES).await;
    let mut remedied = Tidb::connect(&cluster.tidb).await;
    remedied.run([format!("USE {test}"), sql_mode()]).await;
    let connector = Connector::connect(&cluster, &[]).await;
    connector.use_database(test).await;
    for known in DIFFERENCES {
        let (name, example) = (known.name, known.example);
        let ordered = example.contains("ORDER BY");
        let rules = Rules { ordered, exact_numbers: true, ..Rules::default() };
        let ours = connector.query(example).await;
        if let Ok(theirs) = plain.try_query(example).await {
            assert!(
                difference(&ours, &theirs, rules).is_some(),
                "{name}: TiDB answers the same without a remedy\n{example}"
            );
        }
        let theirs = remedied.query(&to_tidb(example)).await;
        if let Some(difference) = difference(&ours, &theirs, rules) {
            panic!("{name}: {difference}\n{example}\n{}", to_tidb(example));
        }
    }
}

#[test]
fn names_of_differences_are_unique() {
    let mut names: Vec<&str> = DIFFERENCES.iter().map(|known| known.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), DIFFERENCES.len());
}
