//! Groups of cases, and how they are run on each cluster.

use std::sync::Arc;

use futures::future::LocalBoxFuture;
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::cluster::{Cluster, Shape};

use super::compare::compare;
use super::differences::{self, Difference};
use super::golden;
use super::script::Script;
use super::side::{Side, Store};
use super::transcript::Transcript;

/// A script by its name.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: for<'a> fn(&'a mut Script) -> LocalBoxFuture<'a, ()>,
}

/// Cases named like the functions that they are.
macro_rules! cases {
    ($($case:ident),+ $(,)?) => {
        vec![$($crate::harness::group::Case {
            name: stringify!($case),
            run: |script| Box::pin($case(script)),
        }),+]
    };
}
pub(crate) use cases;

/// Cases on one subject, with one recording.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) cases: Vec<Case>,
}

impl Group {
    /// Runs all cases on an embedded cluster, and fails unless they answer as recorded.
    pub(crate) async fn check_embedded(self) {
        let cluster = EmbeddedCluster::builder().seed(1).start().await.expect("a cluster");
        let told = self.run(&Side::embedded(&cluster).await).await;
        self.judge(&told, &differences::read(self.name));
    }

    /// Runs all cases on the playground, if there is a way to one, and fails unless it answers as recorded; or
    /// records its answers.
    pub(crate) async fn check_playground(self) {
        let Some(cluster) = Cluster::of(Shape::default(), self.name) else { return };
        let side = Side::playground(&cluster).await;
        let told = self.run(&side).await;
        match side.store {
            Store::Unistore if golden::is_recording() => golden::write(self.name, &told),
            Store::Unistore => self.judge(&told, &[]),
            Store::TiKv => self.judge(&told, &differences::read(self.name)),
        }
    }

    async fn run(&self, side: &Arc<Side>) -> Vec<Transcript> {
        let mut told = Vec::new();
        for case in &self.cases {
            let mut script = Script::new(Arc::clone(side), case.name, prefix(case.name));
            (case.run)(&mut script).await;
            told.push(script.into_transcript());
        }
        told
    }

    fn judge(&self, told: &[Transcript], differences: &[Difference]) {
        let wrong = compare(&golden::read(self.name), told, differences);
        let (count, cases) = (wrong.len(), told.len());
        assert!(wrong.is_empty(), "{count} differences in {cases} cases:\n{}", wrong.join("\n"));
    }
}

/// A beginning of keys that no other run has, behind all that TiDB writes. Unistore keeps its records of rollbacks
/// and locks beside the keys of tables alone, so these look like one.
fn prefix(case: &str) -> Vec<u8> {
    [b"t\xff".as_slice(), format!("{:016x}/{case}/", rand::random::<u64>()).as_bytes()].concat()
}

/// The two tests of a group.
macro_rules! group_tests {
    () => {
        #[tokio::test]
        async fn the_embedded_cluster_answers_as_recorded() {
            group().check_embedded().await;
        }

        #[tokio::test]
        async fn the_playground_answers_as_recorded() {
            group().check_playground().await;
        }
    };
}
pub(crate) use group_tests;
